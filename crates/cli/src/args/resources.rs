//! What the commands take that keep resources: get, list, create, update and delete, the same for
//! every kind.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What can be done with every kind of resource.
#[derive(Debug, Subcommand)]
pub(crate) enum Keep<Filter: Args, New: Args, Changes: Args> {
    /// Shows one, with all its fields.
    Get(GetArgs),
    /// Lists them, in the order of their ids.
    List(ListArgs<Filter>),
    /// Creates one, from options or from a file.
    Create(CreateArgs<New>),
    /// Changes what is given, and leaves the rest as it is.
    Update(UpdateArgs<Changes>),
    /// Deletes them, one after the other; goes on when one cannot be deleted.
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Its id.
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs<Filter: Args> {
    #[command(flatten)]
    pub(crate) filter: Filter,

    #[command(flatten)]
    pub(crate) bounds: Bounds,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// How much of a list to show.
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// How many to show at most.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    limit: u32,

    /// Shows all, however many there are.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl Bounds {
    /// How many to show at most, if there is a bound.
    pub(crate) fn limit(&self) -> Option<usize> {
        (!self.all).then_some(self.limit as usize)
    }
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs<New: Args> {
    /// Its id; without one the server makes one up, unless the file has it.
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,

    /// A file with one resource in YAML or JSON, as `get -o yaml` prints it; `-` is standard input.
    /// Options go before what it says.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) fields: New,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs<Changes: Args> {
    /// Its id.
    #[arg(value_name = "ID", required_unless_present = "file")]
    pub(crate) id: Option<String>,

    /// A file with the resource in YAML or JSON, as `get -o yaml` prints it; `-` is standard input.
    /// Only the fields that stand in it are changed, and if it has a `revision`, only if that is the
    /// present one. Options go before what it says.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) fields: Changes,

    /// Changes it only if it is at this revision still.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) expected_revision: Option<i64>,

    /// Changes nothing: runs the checks of the server, and prints what would be changed.
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Their ids.
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,

    /// Deletes it only if it is at this revision still; for one id.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) expected_revision: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The entity, such as `deal/57`.
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// The stage to which it moves.
    #[arg(value_name = "STAGE")]
    pub(crate) stage: String,

    /// The pipeline to which it moves, if not its own.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) pipeline: String,

    /// Who moves it.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) actor: String,

    /// Why, for people.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) comment: String,

    /// Moves it only if it is at this revision still.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) expected_revision: Option<i64>,

    /// Moves nothing: runs the checks of the server, and prints what would be moved.
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// How to print what the server keeps.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Shape {
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: columns or lines, and times as how long ago they are.
    Table,
    /// One JSON document as the contract has it: an object for one, for several the answer of the
    /// list.
    Json,
    /// YAML with lists of resources, as `pawl apply` reads it.
    Yaml,
}
