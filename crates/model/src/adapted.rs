//! What an adapter means for a network whose head is its token embedding.

use crate::{ModelError, Network};
use kerf_tensors::files::adapter::{self, MERGE};
use kerf_tensors::{Catalog, TensorsError};

/// An adapter of the token embedding leaves a head alone that shares its values: the head gets them as a matrix of its own.
/// `BAD_ADAPTER` if the architecture is not known, so that nobody can tell which matrix that is.
pub fn with_own_head(catalog: Catalog) -> Result<Catalog, ModelError> {
    let adapter = catalog.files.adapter.as_ref();
    if adapter.is_none_or(|adapter| adapter.keeps_tie) {
        return Ok(catalog);
    }
    match Network::of_catalog(&catalog) {
        Ok(network) => {
            let table = network.token_embedding();
            let own = network
                .arch
                .head
                .as_ref()
                .filter(|_| network.head() == Some(&table));
            match own.map(|head| format!("{}.weight", head.stem)) {
                Some(head) if catalog.is_adapted(&table) => {
                    Ok(catalog.with_own_head(&table, &head))
                }
                _ => Ok(catalog),
            }
        }
        Err(ModelError::UnknownArchitecture { model_type, .. }) if changes_table(&catalog) => {
            Err(ModelError::Tensors(TensorsError::BadAdapter {
                file: adapter::WEIGHTS.into(),
                field: "the file".into(),
                reason: format!(
                    "it changes a table of embeddings, which the head may share, and kerf does not know {model_type}"
                ),
                fix: MERGE.into(),
            }))
        }
        // Whoever needs the network is told why there is none.
        Err(_) => Ok(catalog),
    }
}

/// Whether an adapter changes a matrix with a row for each token of a vocabulary that head and embedding may share.
fn changes_table(catalog: &Catalog) -> bool {
    let config = catalog.files.config.as_ref();
    let field = |name: &str| config.and_then(|config| config.get(name));
    let rows = field("vocab_size").and_then(serde_json::Value::as_u64);
    let tied = field("tie_word_embeddings").and_then(serde_json::Value::as_bool);
    let is_table = |shape: &[usize]| shape.len() == 2 && Some(shape[0] as u64) == rows;
    let mut tensors = catalog.tensors.iter();
    tied != Some(false)
        && tensors.any(|entry| is_table(&entry.shape) && catalog.is_adapted(&entry.name))
}
