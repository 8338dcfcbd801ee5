//! The network of a model, if its architecture is known; else whether the run can do without.

use crate::CompressError;
use crate::options::resolve::{Action, Settings};
use crate::prepass;
use crate::solve::statistics::Needs;
use kerf_model::{ModelError, Network, arch};
use kerf_tensors::Catalog;

/// The network, and the id of its architecture or the name that is not known.
///
/// # Errors
/// For a method or schedule that must run a network that is not known, and for a configuration that says what is not so.
pub(super) fn open(
    catalog: &Catalog,
    settings: &Settings,
    notes: &mut Vec<String>,
) -> Result<(Option<Network>, String), CompressError> {
    let ruled = settings.rules.iter().filter_map(|rule| match rule.action {
        Action::Keep => None,
        Action::Solve { solving, .. } => Some(solving.method),
    });
    let mut methods = std::iter::once(settings.solving.method).chain(ruled);
    let calibrated = methods.find(|method| method.needs() > Needs::Nothing);
    let surveyed = prepass::spreads_by_losses(settings) || settings.budget.is_some();
    let described = catalog
        .sidecars
        .iter()
        .any(|(file, _)| file == arch::json::FILE);
    let config = catalog.files.config.as_ref();
    let model_type = config.and_then(|config| config["model_type"].as_str());
    // Weights alone, or a configuration that names no architecture: enough for methods that look at each matrix by itself.
    let by_weights = calibrated.is_none() && !surveyed;
    let opened = match (config, model_type) {
        (None, _) => None,
        (Some(_), None) if by_weights && !described => None,
        _ => Some(Network::of_catalog(catalog)),
    };
    match opened {
        Some(Ok(network)) => {
            let id = network.architecture().to_string();
            return Ok((Some(network), id));
        }
        Some(Err(ModelError::UnknownArchitecture { .. })) | None => {}
        Some(Err(error)) => return Err(error.into()),
    }
    // An error says of a model without config.json that it has none.
    let named = model_type.unwrap_or_default().to_string();
    match calibrated {
        None if surveyed => Err(CompressError::ScheduleNeedsArchitecture {
            schedule: settings.schedule.id().into(),
            model_type: named,
        }),
        None => {
            let why = match (config, model_type) {
                (None, _) => "there is no config.json".into(),
                (_, None) => "config.json names no model_type".into(),
                (_, Some(named)) => format!("architecture {named:?} is not known"),
            };
            notes.push(format!(
                "{why}: every matrix is treated alike by its own weights, and quality cannot be measured here"
            ));
            Ok((None, model_type.unwrap_or("none").into()))
        }
        Some(method) => Err(CompressError::MethodNeedsArchitecture {
            method: method.id().into(),
            model_type: named,
        }),
    }
}
