use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process;

use indicatif::{ProgressBar, ProgressStyle};
use pawl_api::pb;
use pawl_api::pb::system_service_client::SystemServiceClient;
use pawl_store::{BackupReader, BackupSummary};

use crate::args::BackupArgs;
use crate::client::Target;
use crate::failure::Failure;
use crate::offline::shown;
use crate::output::print;
use crate::signals::StopSignals;

/// `pawl backup`: takes a backup of a server that runs, and checks it on the way.
pub(crate) async fn run(args: BackupArgs, target: &Target) -> Result<(), Failure> {
    let mut file = Place::open(&args.file)?;
    let mut signals = StopSignals::listen()?;
    let taken = tokio::select! {
        taken = take(&mut file, target) => taken,
        () = signals.next() => {
            file.give_up();
            process::exit(1);
        }
    };
    let summary = match taken {
        Ok(summary) => summary,
        Err(failure) => {
            file.give_up();
            return Err(failure);
        }
    };
    let to_stdout = file.is_stdout();
    file.finish()?;
    if to_stdout {
        // Standard output is the backup.
        eprint!("{}", told(&summary, "the backup"));
        return Ok(());
    }
    print(&told(&summary, &args.file.display().to_string()))
}

fn told(summary: &BackupSummary, name: &str) -> String {
    let log = match summary.head.sequence + 1 - summary.tail.sequence {
        0 => "no records".to_owned(),
        _ => format!("records {} to {}", summary.tail.sequence, summary.head.sequence),
    };
    format!("{name}: {}, {log} of database {}\n", shown(summary.bytes), summary.database_id)
}

async fn take(file: &mut Place, target: &Target) -> Result<BackupSummary, Failure> {
    let bar = ProgressBar::no_length().with_style(
        ProgressStyle::with_template("{spinner}  {bytes}  {bytes_per_sec}")
            .unwrap_or_else(|error| unreachable!("{error}")),
    );
    let mut client = SystemServiceClient::new(target.connect().await?);
    let mut pieces = client.backup(pb::BackupRequest {}).await?.into_inner();
    let mut reader = BackupReader::default();
    let wrong = |error: pawl_store::BackupError| Failure::Content {
        name: format!("what {} sent", target.address()),
        problem: error.to_string(),
    };
    while let Some(piece) = pieces.message().await? {
        reader.push(&piece.data);
        reader.check().map_err(wrong)?;
        file.write(&piece.data)?;
        bar.inc(piece.data.len() as u64);
    }
    let summary = reader.finish().map_err(wrong);
    bar.finish_and_clear();
    summary
}

/// Where a backup goes. A file has its name only once it is whole.
enum Place {
    Stdout(io::Stdout),
    File { file: BufWriter<File>, partial: PathBuf, path: PathBuf },
}

impl Place {
    fn open(path: &Path) -> Result<Self, Failure> {
        let refused = |problem: &str| Failure::Content {
            name: path.display().to_string(),
            problem: problem.to_owned(),
        };
        if path == Path::new("-") {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                return Err(refused("standard output is a terminal; name a file"));
            }
            return Ok(Self::Stdout(stdout));
        }
        if path.exists() {
            return Err(refused("is there already; name another file, or remove it first"));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(cannot_write(&partial))?;
        Ok(Self::File { file: BufWriter::new(file), partial, path: path.to_owned() })
    }

    fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout(_))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout(stdout) => stdout.lock().write_all(bytes).map_err(Failure::Output),
            Self::File { file, partial, .. } => {
                file.write_all(bytes).map_err(cannot_write(partial))
            }
        }
    }

    /// It is whole: makes it durable, and gives it its name.
    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush().map_err(Failure::Output),
            Self::File { mut file, partial, path } => {
                file.flush().map_err(cannot_write(&partial))?;
                file.get_ref().sync_all().map_err(cannot_write(&partial))?;
                fs::rename(&partial, &path).map_err(cannot_write(&path))?;
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let parent = parent.unwrap_or(Path::new("."));
                File::open(parent)
                    .and_then(|parent| parent.sync_all())
                    .map_err(cannot_write(parent))
            }
        }
    }

    /// It is not whole, and nothing is left of it.
    fn give_up(&self) {
        if let Self::File { partial, .. } = self {
            // The first failure says more.
            let _ = fs::remove_file(partial);
        }
    }
}

fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let name = path.display().to_string();
    move |source| Failure::Write { name, source }
}
