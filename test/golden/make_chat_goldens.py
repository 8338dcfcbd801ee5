"""Writes test/golden/chat.json: chat templates, conversations, and the prompt that apply_chat_template of transformers makes of them.
test/ts/chat.test.ts reads it.

    HF_HUB_OFFLINE=1 python test/golden/make_chat_goldens.py

The templates are written for this file, after the kinds that models have: ChatML with a default system message, turns in brackets that
refuse a wrong order, and headers with blocks, filters and methods of strings. (The library strips white space where a template says
lstrip('\\n'): texts that begin with other white space lose that too.)"""

import json
from pathlib import Path

from transformers import AutoTokenizer

ROOT = Path(__file__).parents[2]
TEMPLATES = {
    "chatml": "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}"
              "{% endif %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
              "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "brackets": "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
                "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
                "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}"
                "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] | trim + ' ' + eos_token }}"
                "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}",
    "headers": """{{- bos_token }}
{%- set ns = namespace(count=0) %}
{%- for message in messages %}
    {%- if message.role == 'system' and loop.first %}
        {%- set said = message.content.strip() %}
        {{- '<|header|>system<|end|>\\n\\n' + said + '<|eot|>' }}
    {%- else %}
        {%- set ns.count = ns.count + 1 %}
        {{- '<|header|>' + message['role'] | upper + ' ' + ns.count | string + '<|end|>\\n\\n' }}
        {%- if message.content is string and message.content | length > 3 %}
            {{- message.content.split('</think>')[-1].lstrip() }}
        {%- else %}
            {{- message.content | tojson }}
        {%- endif %}
        {{- '<|eot|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|header|>assistant<|end|>\\n\\n' }}
{%- endif %}
""",
}
CONVERSATIONS = [
    [("user", "What is a kerf?")],
    [("system", " Be short. \n"), ("user", "Hi")],
    [("user", "  Who are you?\n"), ("assistant", "<think>hm</think>\n\nA saw."), ("user", 'Say "é" & <b>.')],
    [("assistant", "I begin."), ("user", "No.")],
]


def prompt(tokenizer, template, messages):
    try:
        return {"prompt": tokenizer.apply_chat_template(messages, chat_template=template, add_generation_prompt=True, tokenize=False)}
    except Exception as error:
        return {"refused": str(error)}


def main():
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "test" / "fixtures" / "stories260K")
    rows = []
    for name, template in TEMPLATES.items():
        for turns in CONVERSATIONS:
            messages = [{"role": role, "content": content} for role, content in turns]
            rows.append({"template": name, "messages": messages, **prompt(tokenizer, template, messages)})
    tokens = {"bosToken": tokenizer.bos_token, "eosToken": tokenizer.eos_token}
    (ROOT / "test" / "golden" / "chat.json").write_text(
        json.dumps({"templates": TEMPLATES, "tokens": tokens, "rows": rows}, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(rows, indent=1))


main()
