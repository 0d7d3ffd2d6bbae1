//! Changes of an access file by `pawl token`, which leave everything else in it as it stands.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use toml_edit::{Array, ArrayOfTables, Datetime, DocumentMut, Item, Table, value};

use super::file::{AccessFileError, Credentials, parse};
use super::rights::Role;
use super::secret::Secret;

/// What is at the head of a file that is made.
const HEAD: &str = "\
# Who may call this server; `pawl token` changes it, and so may you. It is read again as soon as it
# changes. There is no secret in it: of tokens only their hashes.

";

/// Why an access file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessEditError {
    /// It cannot be used as it is, or would not be usable after the change.
    #[error(transparent)]
    File(#[from] AccessFileError),
    /// It cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The name stands for another token or webhook, perhaps a revoked one.
    #[error("the name {name:?} is taken; choose another, such as {name}-2")]
    Taken {
        /// The name.
        name: String,
    },
    /// There is nothing of that name to revoke.
    #[error("there is no token or webhook with the name {name:?}; `pawl token list` shows them")]
    Missing {
        /// The name.
        name: String,
    },
    /// The system has no randomness to give.
    #[error("cannot make a secret: {0}")]
    Random(getrandom::Error),
}

/// What a new secret is to open.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The API, as far as these roles go.
    Token {
        /// At least one.
        roles: Vec<Role>,
    },
    /// `POST /v1/webhooks/TRIGGER_TYPE`, and nothing else.
    Webhook {
        /// What its events are.
        trigger_type: String,
        /// The attribute `code` of its events, where callers must not choose it.
        code: Option<String>,
    },
}

/// A new token or webhook.
#[derive(Debug, Clone)]
pub struct Issued {
    /// For whom; stands in logs.
    pub name: String,
    /// What it opens.
    pub kind: Kind,
    /// Only these pipelines; none given: all.
    pub pipelines: Vec<String>,
    /// Until when, in RFC 3339; without it for ever.
    pub expires: Option<String>,
}

/// A token or webhook in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// For whom.
    pub name: String,
    /// Roles, or the trigger type of a webhook.
    pub opens: String,
    /// Only these pipelines; `None`: all.
    pub pipelines: Option<Vec<String>>,
    /// When it was made, if that is known, in RFC 3339.
    pub created: Option<String>,
    /// Until when.
    pub expires: Option<String>,
    /// Since when it opens nothing any more.
    pub revoked: Option<String>,
}

/// Adds a token or webhook to an access file, which is made where it is missing, and gives its
/// secret: the only time that anyone sees it.
///
/// `now` is in RFC 3339, as all times here.
pub fn create(path: &Path, issued: &Issued, now: &str) -> Result<Secret, AccessEditError> {
    let (head, mut document) = match fs::read_to_string(path) {
        Ok(text) => ("", document(path, &text)?),
        Err(error) if error.kind() == ErrorKind::NotFound => (HEAD, DocumentMut::new()),
        Err(source) => return Err(io("read", path, source)),
    };
    if list_of(path, &document.to_string())?.iter().any(|known| known.name == issued.name) {
        return Err(AccessEditError::Taken { name: issued.name.clone() });
    }
    let secret = Secret::new().map_err(AccessEditError::Random)?;
    let texts = |texts: &[String]| value(texts.iter().collect::<Array>());
    let mut table = Table::new();
    table["name"] = value(&issued.name);
    let list = match &issued.kind {
        Kind::Token { roles } => {
            let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
            table["roles"] = texts(&roles);
            "token"
        }
        Kind::Webhook { trigger_type, code } => {
            table["trigger_type"] = value(trigger_type);
            if let Some(code) = code {
                table["code"] = value(code);
            }
            "webhook"
        }
    };
    if !issued.pipelines.is_empty() {
        table["pipelines"] = texts(&issued.pipelines);
    }
    table["created"] = value(time(path, now)?);
    if let Some(expires) = &issued.expires {
        table["expires"] = value(time(path, expires)?);
    }
    table["hash"] = value(secret.hash().to_string());
    let none = || Item::ArrayOfTables(ArrayOfTables::new());
    if let Some(tables) = document.entry(list).or_insert_with(none).as_array_of_tables_mut() {
        tables.push(table);
    }
    write(path, &format!("{head}{document}"))?;
    Ok(secret)
}

/// What an access file lets in by a secret.
pub fn list(path: &Path) -> Result<Vec<Listed>, AccessEditError> {
    let text = fs::read_to_string(path).map_err(|source| io("read", path, source))?;
    Ok(list_of(path, &text)?)
}

fn list_of(path: &Path, text: &str) -> Result<Vec<Listed>, AccessFileError> {
    let file = parse(path, text)?;
    let tokens = file.token.into_iter().map(|token| Listed {
        name: token.name,
        opens: token.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", "),
        pipelines: token.pipelines,
        created: written(token.created),
        expires: written(token.expires),
        revoked: written(token.revoked),
    });
    let webhooks = file.webhook.into_iter().map(|hook| {
        let code = hook.code.map_or_else(String::new, |code| format!(" with code {code}"));
        Listed {
            name: hook.name,
            opens: format!("webhook {}{code}", hook.trigger_type),
            pipelines: hook.pipelines,
            created: written(hook.created),
            expires: written(hook.expires),
            revoked: written(hook.revoked),
        }
    });
    Ok(tokens.chain(webhooks).collect())
}

/// Makes the token or webhook of this name open nothing from now on.
pub fn revoke(path: &Path, name: &str, now: &str) -> Result<(), AccessEditError> {
    let now = time(path, now)?;
    let text = fs::read_to_string(path).map_err(|source| io("read", path, source))?;
    let mut document = document(path, &text)?;
    let mut found = false;
    for list in ["token", "webhook"] {
        let tables = document.get_mut(list).and_then(Item::as_array_of_tables_mut);
        for table in tables.into_iter().flat_map(ArrayOfTables::iter_mut) {
            let is_meant = table.get("name").and_then(Item::as_str) == Some(name);
            if is_meant && !table.contains_key("revoked") {
                table["revoked"] = value(now);
            }
            found |= is_meant;
        }
    }
    if !found {
        return Err(AccessEditError::Missing { name: name.to_owned() });
    }
    write(path, &document.to_string())
}

fn written(time: Option<Datetime>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn time(path: &Path, text: &str) -> Result<Datetime, AccessFileError> {
    text.parse().map_err(|error| AccessFileError::new(path, format!("{text:?}: {error}")))
}

fn document(path: &Path, text: &str) -> Result<DocumentMut, AccessFileError> {
    text.parse().map_err(|error| AccessFileError::new(path, error))
}

/// Puts the file in its place as a whole, and only when a server could use it.
fn write(path: &Path, text: &str) -> Result<(), AccessEditError> {
    Credentials::read(path, text, |file| fs::read_to_string(file))?;
    let fail = |source| io("write", path, source);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(dir).map_err(fail)?;
    new.write_all(text.as_bytes()).map_err(fail)?;
    // Who could read the old one can read the new one; a first one is its owner's alone.
    if let Ok(old) = fs::metadata(path) {
        new.as_file().set_permissions(old.permissions()).map_err(fail)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            // Fails for who is not root, and then the owner is the same one as a rule.
            let _ = std::os::unix::fs::fchown(new.as_file(), Some(old.uid()), Some(old.gid()));
        }
    }
    new.as_file().sync_all().map_err(fail)?;
    new.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

fn io(what: &'static str, path: &Path, source: std::io::Error) -> AccessEditError {
    AccessEditError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-26T12:00:00Z";

    fn token(name: &str) -> Issued {
        Issued {
            name: name.to_owned(),
            kind: Kind::Token { roles: vec![Role::Viewer, Role::Publisher] },
            pipelines: vec!["sales".to_owned()],
            expires: Some("2027-01-31T00:00:00Z".to_owned()),
        }
    }

    #[test]
    fn a_file_is_made_changed_and_read_and_what_people_wrote_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("access.toml");
        let first = create(&path, &token("shop"), NOW).expect("it is made");
        let text = fs::read_to_string(&path).expect("it is there");
        assert!(!text.contains(first.reveal()), "{text}");
        fs::write(&path, format!("{text}# ours\n")).expect("it is changed");
        let hook = Kind::Webhook {
            trigger_type: "webhook.received".to_owned(),
            code: Some("paid".to_owned()),
        };
        let hook = Issued { name: "bank".to_owned(), kind: hook, pipelines: vec![], expires: None };
        create(&path, &hook, NOW).expect("another one");
        let taken = create(&path, &token("bank"), NOW);
        assert!(matches!(taken, Err(AccessEditError::Taken { .. })), "{taken:?}");
        let listed = list(&path).expect("it is read");
        let told: Vec<_> =
            listed.iter().map(|one| (one.name.as_str(), one.opens.as_str())).collect();
        let expected =
            [("shop", "viewer, publisher"), ("bank", "webhook webhook.received with code paid")];
        assert_eq!(told, expected);
        revoke(&path, "shop", NOW).expect("it is revoked");
        let missing = revoke(&path, "nobody", NOW);
        assert!(matches!(missing, Err(AccessEditError::Missing { .. })), "{missing:?}");
        let text = fs::read_to_string(&path).expect("it is there");
        assert!(text.starts_with("# Who may call") && text.contains("# ours"), "{text}");
        let read = Credentials::read(&path, &text, |_| unreachable!()).expect("it can be used");
        assert_eq!((read.tokens.len(), read.hooks.len()), (0, 1), "a revoked one opens nothing");
        assert!(list(&path).expect("it is read")[0].revoked.is_some());
    }

    #[test]
    fn bad_files_are_told_by_line_or_name() {
        let rows = [
            ("[[token]]\nnme = 1", "line 2"),
            ("[[token]]\nname = 'a'\nroles = ['king']\nhash = ''", "king"),
            ("[[token]]\nname = 'a'\nroles = []\nhash = ''", "\"a\": needs a role"),
            ("[[token]]\nname = 'a'\nroles = ['admin']\nhash = 'x'", "sha256"),
            ("[[token]]\nname = ''\nroles = ['admin']\nhash = ''", "1 to 128"),
            ("[[token]]\nname = 'a'\nroles = ['admin']\npipelines = []\nhash = ''", "leave it out"),
            ("[[token]]\nname = 'a'\nroles = ['admin']\nexpires = 2027-01-01\nhash = ''", "moment"),
            ("[jwt]\nkeys_file = 'x'\nissuer = 'i'\naudience = 'a'", "cannot read"),
            ("what = 1", "what"),
        ];
        for (text, word) in rows {
            let missing = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
            let error = Credentials::read(Path::new("access.toml"), text, missing);
            let error = error.expect_err(text).to_string();
            assert!(error.contains(word) && error.contains("access.toml"), "{text}: {error}");
        }
    }
}
