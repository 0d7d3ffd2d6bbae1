//! Generates the server of `MoveService` once more, with watches that answer what is encoded
//! already: many watchers are sent the same frames.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str, request: &str, response: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type(request)
            .output_type(response)
            .codec_path("tonic_prost::ProstCodec")
    };
    let watch = method(
        "watch_moves",
        "WatchMoves",
        "pawl_api::pb::WatchMovesRequest",
        "crate::frames::WatchMessage",
    );
    let list = method(
        "list_moves",
        "ListMoves",
        "pawl_api::pb::ListMovesRequest",
        "pawl_api::pb::ListMovesResponse",
    );
    let service = Service::builder()
        .name("MoveService")
        .package("pawl.v1")
        .method(watch.server_streaming().build())
        .method(list.build())
        .build();
    Builder::new().build_client(false).compile(&[service]);
    println!("cargo:rerun-if-changed=build.rs");
}
