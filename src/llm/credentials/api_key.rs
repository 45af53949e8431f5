//! A bearer key: from a file that only its owner may read, or from the environment.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::llm::ModelError;

/// Largest key file, in bytes.
const MAX_FILE_BYTES: u64 = 8 * 1024;

/// Looks up a variable of the environment.
pub(in crate::llm) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where a bearer key is.
pub(in crate::llm) enum ApiKey {
    /// In a file that is read for each call, so that a key may be replaced while sessions live.
    File(PathBuf),
    /// The key itself, as the environment had it.
    Text(Zeroizing<String>),
}

impl ApiKey {
    /// Finds the key: in `file` if that is not empty, else in the variable, else there is none. A file is read once to
    /// see that it can be.
    ///
    /// # Errors
    /// `ModelError::Configuration` for a file that [`read`](Self::read) refuses.
    pub(in crate::llm) fn find(
        file: &str,
        variable: &str,
        environment: Environment<'_>,
    ) -> Result<Option<Self>, ModelError> {
        if !file.is_empty() {
            let key = Self::File(PathBuf::from(file));
            key.read()?;
            return Ok(Some(key));
        }
        let text = environment(variable).map(Zeroizing::new);
        Ok(text.filter(|text| !text.trim().is_empty()).map(|text| Self::Text(Zeroizing::new(text.trim().to_owned()))))
    }

    /// The key, without blanks around it.
    ///
    /// # Errors
    /// `ModelError::Configuration` if the file cannot be read, is no plain file, may be read by others than its owner, is
    /// larger than 8 KiB, or holds no text. No error names the file: its path is configuration that a caller may not see.
    pub(in crate::llm) fn read(&self) -> Result<Zeroizing<String>, ModelError> {
        match self {
            Self::File(path) => read_file(path),
            Self::Text(text) => Ok(text.clone()),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => formatter.write_str("ApiKey::File"),
            Self::Text(_) => formatter.write_str("ApiKey::Text"),
        }
    }
}

fn read_file(path: &PathBuf) -> Result<Zeroizing<String>, ModelError> {
    let unreadable = |_| refused("cannot be read");
    // Before it is opened, since opening a pipe waits for its writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(refused("is no plain file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(refused("is no plain file"));
    }
    if found.permissions().mode() & 0o077 != 0 {
        return Err(refused("may be read by others than its owner"));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(refused("is larger than 8 KiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| refused("holds no text"))?.trim();
    if text.is_empty() {
        return Err(refused("is empty"));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn refused(why: &str) -> ModelError {
    ModelError::Configuration(format!("the API key file {why}"))
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use super::*;

    /// A file of its own in the folder for temporary files, gone at the end.
    struct KeyFile(PathBuf);

    impl KeyFile {
        fn new(content: &[u8], mode: u32) -> Self {
            let path = std::env::temp_dir().join(format!("splitplane-key-{}", uuid::Uuid::new_v4()));
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Self(path)
        }

        fn find(&self) -> Result<Option<ApiKey>, ModelError> {
            ApiKey::find(self.0.to_str().unwrap(), "KEY", &|_| panic!("the file goes first"))
        }
    }

    impl Drop for KeyFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn reads_a_file_of_its_owner_alone_and_sees_it_replaced() {
        let file = KeyFile::new(b"  first-key\n", 0o600);
        let key = file.find().unwrap().unwrap();
        assert_eq!(key.read().unwrap().as_str(), "first-key");
        std::fs::write(&file.0, "second-key").unwrap();
        assert_eq!(key.read().unwrap().as_str(), "second-key");
        assert_eq!(format!("{key:?}"), "ApiKey::File");
    }

    #[test]
    fn rejects_files_that_others_may_read() {
        for mode in [0o640, 0o604, 0o620, 0o601, 0o644, 0o777] {
            let file = KeyFile::new(b"the-key", mode);
            let error = file.find().unwrap_err();
            assert_eq!(error, refused("may be read by others than its owner"), "{mode:o}");
            assert!(!error.to_string().contains("the-key"));
        }
    }

    #[test]
    fn rejects_files_that_hold_no_key() {
        let large = vec![b'k'; 8 * 1024 + 1];
        for (content, why) in [
            (&b""[..], "is empty"),
            (b" \n\t", "is empty"),
            (b"\xff\xfe", "holds no text"),
            (&large, "is larger than 8 KiB"),
        ] {
            assert_eq!(KeyFile::new(content, 0o400).find().unwrap_err(), refused(why));
        }
        assert!(KeyFile::new(&large[1..], 0o400).find().is_ok());
        for path in ["/nonexistent/key", "a\0b"] {
            assert_eq!(ApiKey::find(path, "KEY", &|_| None).unwrap_err(), refused("cannot be read"));
        }
        for path in ["/", "/dev/null"] {
            assert_eq!(ApiKey::find(path, "KEY", &|_| None).unwrap_err(), refused("is no plain file"));
        }
    }

    #[test]
    fn takes_the_variable_when_no_file_is_set() {
        let key = ApiKey::find("", "KEY", &|name| (name == "KEY").then(|| " from-environment ".to_owned()));
        let key = key.unwrap().unwrap();
        assert_eq!(key.read().unwrap().as_str(), "from-environment");
        assert_eq!(format!("{key:?}"), "ApiKey::Text");
        assert!(ApiKey::find("", "KEY", &|_| None).unwrap().is_none());
        assert!(ApiKey::find("", "KEY", &|_| Some(" ".to_owned())).unwrap().is_none());
    }
}
