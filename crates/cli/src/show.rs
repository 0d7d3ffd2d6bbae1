//! How what the server keeps is shown: as a table, or as the contract has it in JSON or YAML.

mod details;
mod rows;

use serde_json::{Value, json};

use crate::args::Format;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::output::{Named, print, print_styled, shorten_enums, to_json};
use crate::pages::Found;
use crate::table::{Cell, Table};
use crate::yaml;

pub(crate) use crate::show::details::details;
pub(crate) use crate::show::rows::semantics;

/// What can stand in a list.
pub(crate) trait Shown: Named {
    /// The field of the contract that holds several.
    const LIST: &'static str;
    /// The head of its table.
    const COLUMNS: &'static [&'static str];

    /// A value for each column.
    fn row(&self, clock: &Clock) -> Vec<Cell>;
}

/// A list, and where there is more how to get it.
pub(crate) fn list<T: Shown>(found: &Found<T>, format: Format) -> Result<(), Failure> {
    match format {
        Format::Table if found.items.is_empty() => {
            eprintln!("no {}", T::LIST.replace('_', " "));
        }
        Format::Table => {
            let clock = Clock::new();
            let mut table = Table::new(T::COLUMNS);
            for item in &found.items {
                table.add(item.row(&clock));
            }
            table.print()?;
        }
        Format::Json => {
            let items: Vec<Value> =
                found.items.iter().map(|item| to_json(T::MESSAGE, item)).collect();
            document(&json!({T::LIST: items}), format)?;
        }
        Format::Yaml => document(&short::<T>(&found.items), format)?,
    }
    if found.has_more {
        eprintln!("there is more: --limit COUNT or --all shows it");
    }
    Ok(())
}

/// One of its kind: its fields one by one, or an object. YAML has it in a list, as `pawl apply` reads
/// it.
pub(crate) fn one<T: Shown>(item: &T, format: Format) -> Result<(), Failure> {
    match format {
        Format::Table => {
            let mut value = to_json(T::MESSAGE, item);
            shorten_enums(&mut value);
            print_styled(&details(&value, &Clock::new()))
        }
        Format::Json => document(&to_json(T::MESSAGE, item), format),
        Format::Yaml => document(&short(std::slice::from_ref(item)), format),
    }
}

/// A message as a whole, in JSON or YAML.
pub(crate) fn document(value: &Value, format: Format) -> Result<(), Failure> {
    match format {
        Format::Yaml => print(&yaml::write(value)),
        Format::Table | Format::Json => print(&format!("{value:#}\n")),
    }
}

fn short<T: Shown>(items: &[T]) -> Value {
    let items = items.iter().map(|item| {
        let mut value = to_json(T::MESSAGE, item);
        shorten_enums(&mut value);
        value
    });
    json!({T::LIST: items.collect::<Vec<_>>()})
}
