//! Generates the records on disk from `proto/pawl/storage/v1`, without protoc, and compiles what stands
//! between sled and the system.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.join("pawl/storage").display());
    let files = protox::Compiler::new([root])?
        .include_imports(true)
        .open_files(
            ["record", "row", "backup"].map(|name| format!("pawl/storage/v1/{name}.proto")),
        )?
        .file_descriptor_set();
    prost_build::Config::new().btree_map(["."]).skip_protoc_run().compile_fds(files)?;
    if std::env::var("CARGO_CFG_TARGET_OS")? == "linux" {
        println!("cargo:rerun-if-changed=src/durable.c");
        // As a whole: sled, which needs it, comes later on the linker's command line.
        let mut durable = cc::Build::new();
        durable.file("src/durable.c").link_lib_modifier("+whole-archive").compile("pawl_durable");
    }
    Ok(())
}
