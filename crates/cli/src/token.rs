//! `pawl token`: who may call a server, in the file that it reads.

use jiff::{SignedDuration, Timestamp, Unit};
use pawl_server::{Issued, Kind, create_token, list_tokens, revoke_token};

use crate::args::{TokenCommand, TokenCreateArgs};
use crate::failure::Failure;
use crate::output::print;

/// Runs one of the commands.
pub(crate) fn run(command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(args) => create(args),
        TokenCommand::List { file } => {
            let tokens = list_tokens(&file.path)?;
            let mut rows = vec![["NAME", "OPENS", "PIPELINES", "STATE"].map(str::to_owned)];
            rows.extend(tokens.into_iter().map(|token| {
                let state = match (&token.revoked, &token.expires) {
                    (Some(when), _) => format!("revoked {when}"),
                    (None, Some(when)) if has_passed(when) => format!("expired {when}"),
                    (None, Some(when)) => format!("until {when}"),
                    (None, None) => "for good".to_owned(),
                };
                let pipelines = token.pipelines.map_or_else(|| "all".to_owned(), |p| p.join(", "));
                [token.name, token.opens, pipelines, state]
            }));
            print(&table(&rows))
        }
        TokenCommand::Revoke { name, file } => {
            revoke_token(&file.path, &name, &now()?.to_string())?;
            print(&format!("{name} is revoked; a running server knows within seconds\n"))
        }
    }
}

fn create(args: TokenCreateArgs) -> Result<(), Failure> {
    let kind = match args.webhook {
        Some(trigger_type) => Kind::Webhook { trigger_type, code: args.code },
        None => Kind::Token { roles: args.roles },
    };
    let now = now()?;
    let expires = args.expires_in.map(|span| {
        // Beyond the year 9999 nobody minds.
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        now.saturating_add(span).unwrap_or(Timestamp::MAX).to_string()
    });
    let issued = Issued { name: args.name, kind, pipelines: args.pipelines, expires };
    let secret = create_token(&args.file.path, &issued, &now.to_string())?;
    // Alone on standard output, so that it can be redirected into a file.
    print(&format!("{}\n", secret.reveal()))?;
    let path = args.file.path.display();
    eprintln!("this is shown once; {path} keeps the hash of it, under the name {}", issued.name);
    Ok(())
}

fn now() -> Result<Timestamp, Failure> {
    Timestamp::now().round(Unit::Second).map_err(|error| Failure::Incomplete(error.to_string()))
}

fn has_passed(when: &str) -> bool {
    when.parse::<Timestamp>().is_ok_and(|when| when <= Timestamp::now())
}

/// Columns two spaces apart.
fn table(rows: &[[String; 4]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 4] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; 4]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
