//! Generates the records on disk from `proto/pawl/storage/v1`, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.join("pawl/storage").display());
    let files = protox::Compiler::new([root])?
        .include_imports(true)
        .open_files(["pawl/storage/v1/record.proto", "pawl/storage/v1/row.proto"])?
        .file_descriptor_set();
    prost_build::Config::new().btree_map(["."]).skip_protoc_run().compile_fds(files)?;
    Ok(())
}
