//! Which tensors of a model the network reads, and what becomes of the others: what no reader of today needs is left out of a result, what
//! other readers may need is kept.

use crate::names::WRAPPERS;
use crate::{ModelError, Network, WeightSource};
use kerf_kernels::Compute;
use kerf_tensors::Catalog;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Mutex;

/// What a tensor is to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The network reads it.
    Read,
    /// Nobody reads it: transformers computes it, or has it from another tensor. A result is as good without it.
    Dead,
    /// The network does not read it, but others may: a pooler, a head of a task.
    Unread,
}

impl Network {
    /// What each tensor of a catalog is, in its order. Values are read only of a copy of the token table (an untied head, where the
    /// configuration ties it), to see whether it is one. Errors are those of reading.
    pub fn uses(&self, catalog: &Catalog) -> Result<Vec<Use>, ModelError> {
        let asked = Asked {
            weights: catalog,
            names: Mutex::default(),
        };
        self.check_tensors(&asked)?;
        let read = asked.names.into_inner();
        let read = read.unwrap_or_else(|held| held.into_inner());
        let mut uses = Vec::with_capacity(catalog.tensors.len());
        for entry in &catalog.tensors {
            uses.push(match read.contains(&entry.name) {
                true => Use::Read,
                false if self.is_computed(&entry.name) => Use::Dead,
                false if self.is_copy(catalog, &entry.name)? => Use::Dead,
                false => Use::Unread,
            });
        }
        Ok(uses)
    }

    /// Whether transformers computes the tensor and does not read it.
    fn is_computed(&self, name: &str) -> bool {
        let dead = self.arch.dead.iter();
        self.stems_of(name)
            .any(|stem| dead.clone().any(|pattern| fits(pattern, stem)))
    }

    /// Whether the tensor is what readers have from the token table: bit by bit the same, where the configuration says that they are one.
    fn is_copy(&self, catalog: &Catalog, name: &str) -> Result<bool, ModelError> {
        let config = catalog.files.config.as_ref();
        let says = config.and_then(|config| config["tie_word_embeddings"].as_bool());
        let head = self.arch.head.map(|head| head.stem);
        let tied = match head {
            Some(_) => self.settings.tied,
            None => says.unwrap_or(true),
        };
        let is_named = |stem: &str| {
            let mut copies = self.arch.copies.iter().copied().chain(head);
            stem.strip_suffix(".weight")
                .is_some_and(|stem| copies.any(|copy| copy == stem))
        };
        if !tied || !self.stems_of(name).any(is_named) {
            return Ok(false);
        }
        let table = catalog.get(&self.token_embedding())?;
        Ok(catalog.same(table, catalog.get(name)?)?)
    }

    /// The name, and what is left of it behind each prefix that this architecture's names may have.
    fn stems_of<'n>(&self, name: &'n str) -> impl Iterator<Item = &'n str> {
        let arch = self.arch;
        let own = [&self.prefix, &self.wrapper];
        let own = own.map(|start| name.strip_prefix(start.as_str()));
        let others = WRAPPERS.iter().flat_map(move |outer| {
            let name = name.strip_prefix(outer);
            let inner = arch.prefixes.iter();
            inner.filter_map(move |inner| name?.strip_prefix(inner))
        });
        let own = own.into_iter().flatten();
        std::iter::once(name).chain(own).chain(others)
    }
}

/// Whether a name is a pattern with a number in the place of `{}`.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once("{}") else {
        return pattern == name;
    };
    let number = name
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Remembers which tensors were asked for: those that are checked are those that are read.
struct Asked<'a> {
    weights: &'a Catalog,
    names: Mutex<HashSet<String>>,
}

impl WeightSource for Asked<'_> {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let mut names = self.names.lock().unwrap_or_else(|held| held.into_inner());
        names.insert(name.to_owned());
        self.weights.shape(name)
    }

    fn read(&self, compute: &Compute, name: &str) -> Result<Vec<f32>, ModelError> {
        self.weights.read(compute, name)
    }

    fn read_rows(
        &self,
        compute: &Compute,
        name: &str,
        rows: Range<usize>,
    ) -> Result<Vec<f32>, ModelError> {
        self.weights.read_rows(compute, name, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_pattern_stands_for_every_block() {
        assert!(fits("h.{}.attn.bias", "h.11.attn.bias"));
        for other in [
            "h.attn.bias",
            "h..attn.bias",
            "h.1.c_attn.bias",
            "h.1.attn.c_attn.bias",
            "h.x.attn.bias",
        ] {
            assert!(!fits("h.{}.attn.bias", other), "{other}");
        }
        assert!(fits("rotary_emb.inv_freq", "rotary_emb.inv_freq"));
        assert!(!fits("rotary_emb.inv_freq", "x.rotary_emb.inv_freq"));
    }
}
