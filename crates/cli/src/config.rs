//! The configuration file of the clients: servers by name.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::args::Connection;
use crate::client::{Address, Credentials, Target};
use crate::failure::Failure;

const DEFAULT_ADDRESS: &str = "http://127.0.0.1:7171";

/// What the file says.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The context that is used when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// A server, and how to be let in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cert_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_name: Option<String>,
}

/// Where the file is, whether or not it is there.
pub(crate) fn path() -> Result<PathBuf, Failure> {
    let named = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = named("PAWL_CONFIG") {
        return Ok(path);
    }
    let home = || named("HOME").or_else(|| named("USERPROFILE")).map(|home| home.join(".config"));
    let directory = named("XDG_CONFIG_HOME").filter(|path| path.is_absolute()).or_else(home);
    let directory = directory.ok_or_else(|| {
        Failure::Usage("there is no home directory; PAWL_CONFIG names a file".to_owned())
    })?;
    Ok(directory.join("pawl").join("config.toml"))
}

impl Config {
    /// Reads the file; one that is not there says nothing.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => {
                Self::parse(&text).map_err(|problem| Failure::Usage(format!("{name}: {problem}")))
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Failure::Read { name, source }),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or(String::new(), |span| {
                format!("line {}: ", text[..span.start].matches('\n').count() + 1)
            });
            format!("{place}{}{}", error.message(), meant(error.message()))
        })?;
        for (name, context) in &config.contexts {
            if context.token.is_some() && context.token_file.is_some() {
                return Err(format!("context {name:?} has both token and token_file; keep one"));
            }
            if context.cert_file.is_some() != context.key_file.is_some() {
                return Err(format!("context {name:?}: cert_file and key_file need each other"));
            }
        }
        Ok(config)
    }

    /// Writes the file so that it is there as a whole or as it was, and only its owner can read it.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = toml::to_string_pretty(self)
            .unwrap_or_else(|error| unreachable!("it was read from such a file: {error}"));
        let write = || {
            let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
            let directory = directory.unwrap_or(Path::new("."));
            fs::create_dir_all(directory)?;
            // Made with mode 0600.
            let mut file = NamedTempFile::new_in(directory)?;
            writeln!(file, "{}", text.trim_end())?;
            file.as_file().sync_all()?;
            file.persist(path).map(drop).map_err(|error| error.error)
        };
        write().map_err(|source| Failure::Write { name: path.display().to_string(), source })
    }

    /// A context by its name.
    pub(crate) fn context(&self, name: &str) -> Result<&Context, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            let near = nearest(name, self.contexts.keys().map(String::as_str));
            let advice = match near {
                Some(near) => format!("; is {near} meant?"),
                None => "; `pawl context list` shows all".to_owned(),
            };
            Failure::Usage(format!("there is no context {name}{advice}"))
        })
    }
}

/// `; is "address" meant?` behind a message about a key that nobody knows.
fn meant(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown field");
    let unknown = quoted.next().filter(|_| is_unknown);
    let near = unknown.and_then(|unknown| nearest(unknown, quoted));
    near.map_or_else(String::new, |near| format!("; is `{near}` meant?"))
}

/// What is most like a word, if anything is.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |other: &str| strsim::jaro_winkler(word, other);
    let known = known.map(|other| (likeness(other), other)).filter(|(likeness, _)| *likeness > 0.8);
    known.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, other)| other)
}

/// Where the connection options, the environment and the configuration file lead together.
pub(crate) fn target(connection: Connection) -> Result<Target, Failure> {
    let (_, context) = choose(&connection)?;
    let address = match (connection.address, &context.address) {
        (Some(address), _) => address,
        (None, Some(text)) => text.parse().map_err(|problem| {
            Failure::Usage(format!("the address {text:?} of the context: {problem}"))
        })?,
        (None, None) => DEFAULT_ADDRESS.parse().unwrap_or_else(|_| unreachable!()),
    };
    let token = match (connection.token, connection.token_file) {
        (Some(token), _) => Some(token),
        (None, Some(file)) => Some(read_token(&file)?),
        (None, None) => match (context.token, context.token_file) {
            (Some(token), _) => Some(token),
            (None, Some(file)) => Some(read_token(&file)?),
            (None, None) => None,
        },
    };
    let credentials = Credentials {
        token,
        ca_file: connection.ca_file.or(context.ca_file),
        cert_file: connection.cert.or(context.cert_file),
        key_file: connection.key.or(context.key_file),
        server_name: connection.server_name.or(context.server_name),
        allow_plain_token: connection.allow_plain_token,
    };
    Target::new(address, credentials)
}

/// The context that is in force, and its name.
///
/// An address on the command line or in the environment goes before the current context as a whole,
/// unless it is the context's own: its token is for no other server. A context that is named goes
/// along with any address.
pub(crate) fn choose(connection: &Connection) -> Result<(Option<String>, Context), Failure> {
    if connection.context.is_none() && connection.address.is_some() {
        let current = path().and_then(|path| current(&path));
        let same = |context: &Context| {
            let its = context.address.as_deref().and_then(|text| text.parse::<Address>().ok());
            its.is_some() && its == connection.address
        };
        // What is wrong with a file that is not asked for is of no interest.
        let current = current.ok().flatten().filter(|(_, context)| same(context));
        return Ok(current.map_or_else(Default::default, |(name, it)| (Some(name), it)));
    }
    let path = path()?;
    match &connection.context {
        Some(name) => Ok((Some(name.clone()), Config::read(&path)?.context(name)?.clone())),
        None => Ok(current(&path)?.map_or_else(Default::default, |(name, it)| (Some(name), it))),
    }
}

fn current(path: &Path) -> Result<Option<(String, Context)>, Failure> {
    let config = Config::read(path)?;
    let Some(name) = &config.current else { return Ok(None) };
    Ok(Some((name.clone(), config.context(name)?.clone())))
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let name = file.display().to_string();
    let text =
        fs::read_to_string(file).map_err(|source| Failure::Read { name: name.clone(), source })?;
    match text.trim() {
        "" => Err(Failure::Content { name, problem: "there is no token in it".to_owned() }),
        token => Ok(token.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep").join("config.toml");
        let mut config = Config { current: Some("a".to_owned()), ..Default::default() };
        let context = Context {
            address: Some("https://crm.example".to_owned()),
            token: Some("s3cret".to_owned()),
            ..Default::default()
        };
        config.contexts.insert("a".to_owned(), context.clone());
        config.write(&path).unwrap();
        let read = Config::read(&path).unwrap();
        assert_eq!((read.current.as_deref(), &read.contexts["a"]), (Some("a"), &context));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn mistakes_are_told_with_the_line_and_what_was_meant() {
        let cases = [
            (
                "[contexts.a]\nadress = \"b\"",
                "line 2: unknown field `adress`",
                "is `address` meant?",
            ),
            ("curent = \"a\"", "line 1: unknown field `curent`", "is `current` meant?"),
            ("[contexts.a]\nzzz = 1", "unknown field `zzz`", "expected one of"),
            (
                "[contexts.a]\ntoken = \"a\"\ntoken_file = \"b\"",
                "both token and token_file",
                "\"a\"",
            ),
            ("[contexts.a]\ncert_file = \"b\"", "cert_file and key_file", "\"a\""),
            ("current = 7", "line 1: ", "string"),
        ];
        for (text, start, part) in cases {
            let problem = Config::parse(text).unwrap_err();
            assert!(problem.contains(start) && problem.contains(part), "{text}: {problem}");
        }
        assert_eq!(nearest("prd", ["prod", "test"].into_iter()), Some("prod"));
        assert_eq!(nearest("elsewhere", ["prod", "test"].into_iter()), None);
    }
}
