//! `pawl context`: servers by name, kept in the configuration file.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::args::{Connection, ContextCommand};
use crate::config::{self, Config, Context};
use crate::failure::Failure;
use crate::output::print;
use crate::table::{Cell, Table};

pub(crate) fn run(command: ContextCommand, connection: Connection) -> Result<(), Failure> {
    let path = config::path()?;
    match command {
        ContextCommand::List => list(&Config::read(&path)?),
        ContextCommand::Show => show(&path, &connection),
        ContextCommand::Use { name } => {
            let mut config = Config::read(&path)?;
            config.context(&name)?;
            config.current = Some(name.clone());
            config.write(&path)?;
            print(&format!("{name} is the current context now\n"))
        }
        ContextCommand::Set { name, current } => {
            let mut config = Config::read(&path)?;
            let is_new = !config.contexts.contains_key(&name);
            let context = config.contexts.entry(name.clone()).or_default();
            set(context, connection)?;
            if context.address.is_none() {
                return Err(Failure::Usage(format!(
                    "context {name} has no address yet: pawl context set {name} --address https://HOST:PORT"
                )));
            }
            let first = config.current.is_none();
            if current || first {
                config.current = Some(name.clone());
            }
            config.write(&path)?;
            let verb = if is_new { "created" } else { "changed" };
            let note = if current || first { "; it is the current one now" } else { "" };
            print(&format!("{verb} context {name} in {}{note}\n", path.display()))
        }
        ContextCommand::Delete { name } => {
            let mut config = Config::read(&path)?;
            config.context(&name)?;
            config.contexts.remove(&name);
            let mut note = "";
            if config.current.as_ref() == Some(&name) {
                config.current = None;
                note = "; there is no current one any more";
            }
            config.write(&path)?;
            print(&format!("deleted context {name}{note}\n"))
        }
    }
}

fn list(config: &Config) -> Result<(), Failure> {
    if config.contexts.is_empty() {
        eprintln!(
            "no contexts; `pawl context set NAME --address https://HOST:PORT --token-file FILE` makes one"
        );
        return Ok(());
    }
    let mut table = Table::new(&["CURRENT", "NAME", "ADDRESS", "LETS IN BY"]);
    for (name, context) in &config.contexts {
        let is_current = config.current.as_ref() == Some(name);
        table.add(vec![
            Cell::plain(if is_current { "*" } else { "" }),
            Cell::plain(name),
            Cell::plain(context.address.as_deref().unwrap_or_default()),
            Cell::plain(&means(context)),
        ]);
    }
    table.print()
}

/// How a server lets one in, without any secret.
fn means(context: &Context) -> String {
    let means = [
        context.token.as_ref().map(|_| "token".to_owned()),
        context.token_file.as_ref().map(|file| format!("token in {}", file.display())),
        context.cert_file.as_ref().map(|file| format!("certificate {}", file.display())),
    ];
    means.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Tells which context is in force, as JSON without secrets.
fn show(path: &Path, connection: &Connection) -> Result<(), Failure> {
    let (name, context) = config::choose(connection)?;
    let Context { address, token_file, token, ca_file, cert_file, key_file, server_name } = context;
    let address = match &connection.address {
        Some(address) => Some(address.to_string()),
        None => address,
    };
    let shown = json!({
        "config": path,
        "context": name,
        "address": address,
        "token": token.map(|_| "(hidden)"),
        "token_file": token_file,
        "ca_file": ca_file,
        "cert_file": cert_file,
        "key_file": key_file,
        "server_name": server_name,
    });
    let mut text = String::new();
    for (key, value) in shown.as_object().into_iter().flatten() {
        if let Some(value) = value.as_str() {
            let _ = writeln!(text, "{key:<12} {value}");
        }
    }
    print(&text)
}

/// Changes what the options name, and leaves the rest.
fn set(context: &mut Context, connection: Connection) -> Result<(), Failure> {
    fn put<T>(place: &mut Option<T>, value: Option<T>) {
        if value.is_some() {
            *place = value;
        }
    }
    // It is used from everywhere.
    let absolute = |file: Option<PathBuf>| {
        let file = file.map(std::path::absolute).transpose();
        file.map_err(|source| Failure::System { what: "tell where this is", source })
    };
    if connection.token.is_some() {
        context.token_file = None;
    }
    if connection.token_file.is_some() {
        context.token = None;
    }
    put(&mut context.address, connection.address.map(|address| address.to_string()));
    put(&mut context.token, connection.token);
    put(&mut context.token_file, absolute(connection.token_file)?);
    put(&mut context.ca_file, absolute(connection.ca_file)?);
    put(&mut context.cert_file, absolute(connection.cert)?);
    put(&mut context.key_file, absolute(connection.key)?);
    put(&mut context.server_name, connection.server_name);
    Ok(())
}
