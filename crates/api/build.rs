//! Generates the Rust half of the contract from `proto/pawl/v1`, without protoc.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let proto_root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let contract = proto_root.join("pawl/v1");
    println!("cargo:rerun-if-changed={}", contract.display());

    let mut compiler = protox::Compiler::new([&proto_root])?;
    compiler
        .include_imports(true)
        // Comments become rustdoc, and `grpcurl describe` shows them too.
        .include_source_info(true)
        .open_files(proto_files(&contract)?)?;

    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_dir.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    tonic_prost_build::configure()
        // Without hyper: whoever dials brings the channel.
        .build_transport(false)
        // Equal messages encode to equal bytes.
        .btree_map(".pawl.v1")
        // Tokens are shared by many watchers.
        .bytes(".pawl.v1.WatchFrame.resume_token")
        .bytes(".pawl.v1.WatchMovesRequest.resume_token")
        .bytes(".pawl.v1.Heartbeat.head_token")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// Every `.proto` in `dir`, sorted so that the output does not depend on the
/// file system.
fn proto_files(dir: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut files = fs::read_dir(dir)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    files.retain(|path| path.extension().is_some_and(|ext| ext == "proto"));
    files.sort();
    Ok(files)
}
