//! Edges of what formats hold.

use super::*;

/// A group that is small beside its matrix is as fine as the others where scales are wide, and told where they are not.
#[test]
fn a_group_near_1e_minus_7_in_a_usual_matrix() {
    let (rows, cols) = (4, 64);
    let mut w = weights(rows, cols, 3);
    w[2 * cols..3 * cols]
        .iter_mut()
        .enumerate()
        .for_each(|(at, w)| *w = (at as f32 - 31.5) * 3e-9);
    for format in kerf_tensors::formats::table() {
        let grid = format.grid(Grid::new(4, 32), DType::BF16, cols).unwrap();
        let matrix = round_to_grid(&compute(1), &w, rows, cols, grid, None);
        let found = grid.out_of_range(&compute(1), &w, cols);
        let values = matrix.dequantize(&compute(1).kernels);
        let row = 2 * cols..3 * cols;
        let lost = w[row.clone()]
            .iter()
            .zip(&values[row])
            .map(|(a, b)| (a - b).abs());
        let most = lost.fold(0.0, f32::max);
        match found {
            None => assert!(most < 1e-8, "{}: {most}", format.id()),
            Some(found) => assert!(format.id().starts_with("gguf") && found.groups == 2),
        }
        let encoded = EncodedTensor::encode(&compute(1), "w", DType::BF16, "rtn", "", &matrix);
        assert_eq!(encoded.record.wide, found.is_none(), "{}", format.id());
        assert!(codes(&encoded.decode(&compute(1)).unwrap()) == codes(&matrix));
    }
}

/// Codes of kerf's own grid that another grid holds come out with the same values.
#[test]
fn a_finer_grid_holds_the_codes_of_a_coarser_one() {
    let (source, model_info) = (source(DType::F32), model_info());
    let kerf = kerf_tensors::formats::by_id("kerf").unwrap();
    let units = units(kerf, &source, Grid::new(4, 128));
    let (folder, _) = write_output(
        &compute(1),
        &plan(&source, &model_info, kerf, &units, false),
    );
    let container = open(&folder);
    for id in ["compressed-tensors", "gguf-q4_0", "gguf-q8_0"] {
        let format = kerf_tensors::formats::by_id(id).unwrap();
        let output = plan(&container, &model_info, format, &NothingReplaced, true);
        let (folder, _) = write_output(&compute(1), &output);
        let model = open(&folder);
        for (tensor, (_, matrix)) in &units.0 {
            let entry = model.get(tensor).unwrap();
            let exact = entry.grid().is_some_and(|grid| {
                grid_change(Some(codes(matrix).0), grid, matrix.cols) == GridChange::Same
            });
            // 172 columns: two groups of a row are not one, and no blocks of 32.
            assert_eq!(exact, tensor != "odd.weight", "{id} {tensor}");
            if exact {
                let values = model.read_f32(&compute(1), entry).unwrap();
                assert_eq!(
                    values,
                    matrix.dequantize(&compute(1).kernels),
                    "{id} {tensor}"
                );
            }
        }
    }
}

#[test]
fn what_a_format_cannot_hold_is_an_error_that_says_why() {
    let source = source(DType::F32);
    let code = |model_info: ModelInfo, id: &str| {
        let format = kerf_tensors::formats::by_id(id).unwrap();
        let error = format.check(&source, &model_info).unwrap_err();
        assert!(error.to_string().contains(id), "{error}");
        error.code()
    };
    let unknown = ModelInfo::default;
    let turned = || ModelInfo {
        transposed: Some("q.weight".into()),
        ..model_info()
    };
    let unopened = || ModelInfo {
        unopened: Some("readers split its matrices".into()),
        ..model_info()
    };
    let no_tokenizer = || ModelInfo {
        tokenizer: Some(Err("Unigram".into())),
        ..model_info()
    };
    let mut strange = model_info();
    if let Some(Ok(gguf)) = &mut strange.gguf {
        gguf.tensors.remove("q.bias");
    }
    assert_eq!(code(unknown(), "compressed-tensors"), "FORMAT_UNSUPPORTED");
    assert_eq!(code(turned(), "compressed-tensors"), "FORMAT_UNSUPPORTED");
    assert_eq!(code(unopened(), "compressed-tensors"), "FORMAT_UNSUPPORTED");
    assert_eq!(code(unknown(), "gguf-q4_0"), "FORMAT_UNSUPPORTED");
    assert_eq!(code(no_tokenizer(), "gguf-q8_0"), "FORMAT_UNSUPPORTED");
    assert_eq!(code(strange, "gguf-q8_0"), "FORMAT_UNSUPPORTED");
}
