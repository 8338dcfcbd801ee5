//! The files that JavaScript gives. They belong to the thread that was called: workers of the pool ask it.

use kerf_kernels::pool::{at_home, is_home};
use kerf_tensors::TensorsError;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Files by path, with `/` between the parts; folders are only in the names of files. Synchronous. What goes wrong is thrown as an
 * Error whose name is `QuotaExceededError` (no space), `NotFoundError`, or anything else. */
export interface HostFiles {
  /** Paths of all files under a folder, relative to it; none if there is no such folder. */
  list(folder: string): string[]
  /** Bytes of a file, -1 if there is none. */
  size(path: string): number
  /** Reads from `offset` on; returns how many bytes there were. */
  read(path: string, offset: number, into: Uint8Array): number
  /** An empty file, also if there was one. */
  create(path: string): void
  /** Writes all bytes from `offset` on. */
  write(path: string, offset: number, bytes: Uint8Array): void
  /** Makes what was written durable. */
  flush(path: string): void
  /** Gives a file another path, in place of what was there; or all files under a folder. */
  rename(from: string, to: string): void
  /** Removes a file, or all files under a folder; nothing if there is neither. */
  remove(path: string): void
}
"#;

#[wasm_bindgen]
extern "C" {
    /// An object with the methods above.
    #[wasm_bindgen(typescript_type = "HostFiles")]
    pub type HostFiles;

    #[wasm_bindgen(method, catch)]
    fn list(this: &HostFiles, folder: &str) -> Result<Vec<String>, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn size(this: &HostFiles, path: &str) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn read(this: &HostFiles, path: &str, offset: f64, into: &mut [u8]) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn create(this: &HostFiles, path: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn write(this: &HostFiles, path: &str, offset: f64, bytes: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn flush(this: &HostFiles, path: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn rename(this: &HostFiles, from: &str, to: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn remove(this: &HostFiles, path: &str) -> Result<(), JsValue>;
}

thread_local! {
    /// The objects of this thread; JavaScript values do not leave theirs.
    static OBJECTS: RefCell<Vec<Option<HostFiles>>> = const { RefCell::new(Vec::new()) };
}

/// Files of one JavaScript object, for all threads.
pub struct JsFiles(usize);

impl JsFiles {
    /// Made on the thread that is called.
    pub fn new(object: HostFiles) -> Self {
        OBJECTS.with_borrow_mut(|objects| {
            objects.push(Some(object));
            Self(objects.len() - 1)
        })
    }

    /// Asks the object, on its thread.
    fn ask<R: Send + 'static>(
        &self,
        path: &str,
        ask: impl FnOnce(&HostFiles, &str) -> Result<R, JsValue> + Send + 'static,
    ) -> Result<R, TensorsError> {
        let (index, path) = (self.0, path.to_owned());
        at_home(move || with(index, &path, |object| ask(object, &path)))
    }
}

impl Drop for JsFiles {
    fn drop(&mut self) {
        let index = self.0;
        at_home(move || OBJECTS.with_borrow_mut(|objects| objects[index] = None));
    }
}

impl kerf_tensors::folder::HostFiles for JsFiles {
    fn list(&self, folder: &str) -> Result<Vec<String>, TensorsError> {
        self.ask(folder, |object, folder| object.list(folder))
    }

    fn len_bytes(&self, path: &str) -> Result<Option<u64>, TensorsError> {
        let size = self.ask(path, |object, path| object.size(path))?;
        Ok((size >= 0.0).then_some(size as u64))
    }

    fn read(&self, path: &str, offset: u64, buf: &mut [u8]) -> Result<usize, TensorsError> {
        let offset = offset as f64;
        if is_home() {
            let count = with(self.0, path, |object| object.read(path, offset, buf))?;
            return Ok((count.max(0.0) as usize).min(buf.len()));
        }
        let mut bytes = vec![0; buf.len()];
        let bytes = self.ask(path, move |object, path| {
            let count = object.read(path, offset, &mut bytes)?;
            bytes.truncate(count.max(0.0) as usize);
            Ok(bytes)
        })?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn create(&self, path: &str) -> Result<(), TensorsError> {
        self.ask(path, |object, path| object.create(path))
    }

    fn write(&self, path: &str, offset: u64, bytes: &[u8]) -> Result<(), TensorsError> {
        let offset = offset as f64;
        if is_home() {
            return with(self.0, path, |object| object.write(path, offset, bytes));
        }
        let bytes = bytes.to_vec();
        self.ask(path, move |object, path| object.write(path, offset, &bytes))
    }

    fn flush(&self, path: &str) -> Result<(), TensorsError> {
        self.ask(path, |object, path| object.flush(path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), TensorsError> {
        let to = to.to_owned();
        self.ask(from, move |object, from| object.rename(from, &to))
    }

    fn remove(&self, path: &str) -> Result<(), TensorsError> {
        self.ask(path, |object, path| object.remove(path))
    }
}

fn with<R>(
    index: usize,
    path: &str,
    ask: impl FnOnce(&HostFiles) -> Result<R, JsValue>,
) -> Result<R, TensorsError> {
    OBJECTS.with_borrow(|objects| match objects.get(index) {
        Some(Some(object)) => ask(object).map_err(|thrown| error(path, &thrown)),
        _ => Err(TensorsError::Io {
            path: path.into(),
            kind: "Unsupported".into(),
            reason: "the files of the host are not those of this thread".into(),
        }),
    })
}

fn error(path: &str, thrown: &JsValue) -> TensorsError {
    let field = |name: &str| js_sys::Reflect::get(thrown, &name.into()).ok()?.as_string();
    let path = path.to_owned();
    match field("name").unwrap_or_default().as_str() {
        "QuotaExceededError" => TensorsError::DiskFull { path },
        "NotFoundError" => TensorsError::NotFound { path },
        name => TensorsError::Io {
            path,
            kind: name.to_owned(),
            reason: field("message").unwrap_or_else(|| format!("{thrown:?}")),
        },
    }
}
