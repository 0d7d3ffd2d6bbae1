use crate::client::Address;

/// What to try next, in commands that can be pasted as they are.
pub(super) fn guide(address: &Address) -> String {
    let (pawl, to) = (program(), client_options(address));
    let authority = address.authority();
    format!(
        r#"
A sales pipeline plays itself below, and on the board in a browser: {address}/

In a second terminal you could

  watch the moves, all or some, from now or from the first
    {pawl} watch{to}
    {pawl} watch{to} --from earliest --to-stage won -o json

  bring in a deal of your own, and move it with an event
    echo '{{"entity_id": "deal/57", "pipeline_id": "sales"}}' | {pawl} entity import{to} -
    echo '{{"event_id": "1", "source": "me", "type": "email.viewed", "subjects": ["deal/57"]}}' | {pawl} event publish{to} -

  ask with any gRPC tool
    grpcurl -plaintext {authority} list
    grpcurl -plaintext -d '{{"source": "me", "event_id": "1"}}' {authority} pawl.v1.EventService/GetEvent
    buf curl --protocol grpc --http2-prior-knowledge -d '{{"pipeline_id": "sales"}}' {address}/pawl.v1.PipelineService/GetPipeline

Ctrl-c stops the server.

"#
    )
}

/// How this program was called: `cargo run` tells it where cargo is.
fn program() -> &'static str {
    match (std::env::var_os("CARGO").is_some(), cfg!(debug_assertions)) {
        (false, _) => "pawl",
        (true, true) => "cargo run --",
        (true, false) => "cargo run --release --",
    }
}

/// What clients need that are to find a server which is not where they look by themselves.
fn client_options(address: &Address) -> String {
    if address.authority() == "127.0.0.1:7171" {
        return String::new();
    }
    format!(" --address {address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_carry_the_address_only_where_it_is_needed() {
        let shown = |address: &str| guide(&address.parse().unwrap());
        assert!(!shown("127.0.0.1:7171").contains("--address"));
        let elsewhere = shown("127.0.0.1:9000");
        assert!(elsewhere.contains("in a browser: http://127.0.0.1:9000/\n"));
        assert!(elsewhere.contains("watch --address http://127.0.0.1:9000\n"));
        assert!(elsewhere.contains("grpcurl -plaintext 127.0.0.1:9000 list"));
    }
}
