//! Parameters of methods as options: each is taken by its methods alone, within its range, and has the default of the quality.

use kerf_compress::options::params::{GivenParams, all, owners};
use kerf_compress::solve::param::{Kind, Param};
use kerf_compress::{CompressError, Options, methods};

fn by_name(name: &str) -> Option<&'static Param> {
    all().into_iter().find(|param| param.name == name)
}

fn said(param: &Param, value: f64) -> String {
    match param.kind {
        Kind::Flag => (value != 0.0).to_string(),
        Kind::Integer | Kind::Real => value.to_string(),
    }
}

fn with(name: &str, value: &str, method: &str) -> Options {
    let text = format!(r#"{{"method": "{method}", "sparsity": 0.5, "{name}": {value}}}"#);
    serde_json::from_str(&text).unwrap()
}

fn refused(options: &Options) -> (String, String, String) {
    match options.resolve().map(|_| ()).unwrap_err() {
        CompressError::BadOption {
            option,
            expected,
            reason,
            ..
        } => (option, expected, reason),
        other => panic!("{other}"),
    }
}

#[test]
fn every_parameter_is_an_option_that_its_methods_alone_take() {
    for method in methods::table().iter().filter(|method| method.prunes()) {
        for param in all() {
            let (id, name) = (method.id(), param.name);
            let options = with(name, &said(param, param.most), id);
            assert_eq!(
                options.params.get(name),
                Some(param.most),
                "{name} is another option"
            );
            if !method.params().contains(param) {
                let (option, expected, reason) = refused(&options);
                assert_eq!((option.as_str(), expected.as_str()), (name, "nothing"));
                assert!(
                    reason.contains(owners(param)[0]) && reason.contains(id),
                    "{reason}"
                );
                continue;
            }
            let settings = options.resolve().unwrap();
            assert_eq!(settings.options.params.get(name), Some(param.most));
            assert_eq!(settings.params().real(param), param.most, "{id} {name}");
            // What was filled in resolves to itself.
            let text = serde_json::to_string(&settings.options).unwrap();
            let again: Options = serde_json::from_str(&text).unwrap();
            assert_eq!(again.resolve().unwrap().options, settings.options);
            if param.kind != Kind::Flag {
                let mut beyond = options.clone();
                beyond.params = GivenParams::of([(name, param.most + 1.0)]);
                let (option, expected, _) = refused(&beyond);
                assert_eq!(option, name);
                assert!(expected.contains(&param.expected()) && expected.contains(id));
            }
        }
    }
}

#[test]
fn defaults_are_those_of_the_quality() {
    for (index, quality) in kerf_compress::presets::qualities().iter().enumerate() {
        let options = Options {
            method: Some("joint".into()),
            quality: Some(quality.id.into()),
            ..Options::default()
        };
        let settings = options.resolve().unwrap();
        for param in methods::by_id("joint").unwrap().params() {
            let value = settings.options.params.get(param.name);
            assert_eq!(value, Some(param.defaults[index]), "{}", param.name);
        }
    }
}

#[test]
fn methods_that_share_a_name_share_the_parameter_and_defaults_are_in_range() {
    for param in methods::table().iter().flat_map(|method| method.params()) {
        assert_eq!(by_name(param.name), Some(param));
        assert!(
            param.defaults.iter().all(|value| param.has(*value)),
            "{param:?}"
        );
        let mut letters = param.name.chars();
        assert!(letters.all(|c| c.is_ascii_alphanumeric()), "{}", param.name);
    }
}

#[test]
fn what_is_no_option_is_refused_when_it_is_read() {
    for (text, words) in [
        (r#"{"nothing": 1}"#, "unknown field `nothing`"),
        (r#"{"iterations": 1.5}"#, "1.5"),
        (r#"{"iterations": -1}"#, "-1"),
        (r#"{"iterations": "many"}"#, "many"),
    ] {
        let error = serde_json::from_str::<Options>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}
