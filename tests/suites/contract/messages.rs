//! Messages that are no messages: each ends its own call and nothing else on the connection.

use futures_util::stream;
use pawl_api::pb;
use pawl_tests::{Client, Server, cases, event, now, pipeline, within};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::Bytes;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};

/// Sends bytes as they are and does not look at what comes back.
#[derive(Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        use prost::bytes::BufMut;
        buffer.put(item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        use prost::bytes::Buf;
        buffer.advance(buffer.remaining());
        Ok(Some(()))
    }
}

/// Sends one message to a method, on the client's connection, and gives the status of the call.
async fn send(client: &Client, method: &'static str, message: Bytes) -> Status {
    let mut grpc = Grpc::new(client.channel.clone());
    grpc.ready().await.expect("the connection is open");
    let path = PathAndQuery::from_static(method);
    let messages = stream::iter([message]);
    let mut answers = match grpc.streaming(Request::new(messages), path, Raw).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return status,
    };
    loop {
        match answers.message().await {
            Ok(Some(())) => {}
            Ok(None) => panic!("{method} took it"),
            Err(status) => return status,
        }
    }
}

#[tokio::test]
async fn an_oversized_or_malformed_message_ends_only_its_own_call() {
    let server = Server::start().await;
    let client = server.client().await;
    client.pipeline(pipeline("sales", "new won:WON")).await;
    let mut watch = client.watch(now()).await;
    let (events, stream) = mpsc::channel(1);
    let stream = ReceiverStream::new(stream);
    let outcomes = client.events.clone().publish_events(stream).await.expect("the stream opens");
    let mut outcomes = outcomes.into_inner();

    let oversized = Bytes::from(vec![0; 4 * 1_024 * 1_024 + 1]);
    // Field 1 with a length that goes beyond the message.
    let malformed = Bytes::from_static(&[0x0a, 0x7f, 0x01]);
    let methods = [
        "/pawl.v1.EventService/PublishEvents",
        "/pawl.v1.EventService/PublishEvent",
        "/pawl.v1.EntityService/ImportEntities",
        "/pawl.v1.EntityService/CreateEntity",
        "/pawl.v1.MoveService/WatchMoves",
    ];
    let mut count = 0;
    // More than once, so that what is left of a message would in the end fill the connection.
    for round in 0..3 {
        for method in methods {
            for (message, code) in [(&oversized, Code::OutOfRange), (&malformed, Code::Internal)] {
                let status = within(30, method, send(&client, method, message.clone())).await;
                assert_eq!(status.code(), code, "{method}: {status:?}");
                let id = format!("e{round}{count}");
                let event = event(&id, "phone.missed", "deal/1");
                let message = pb::PublishEventsRequest { events: vec![event], view: 0 };
                events.send(message).await.expect("the other stream goes on");
                let answer = within(30, "an outcome", outcomes.message()).await;
                let answer = answer.expect("the other stream goes on").expect("an outcome");
                assert_eq!(answer.outcomes[0].event_id, id);
                assert_eq!(client.info().await.event_count, count + 1);
                count += 1;
            }
        }
    }
    let (_, heartbeat) =
        within(30, "a heartbeat", watch.until_heartbeat()).await.expect("it stands");
    assert_eq!(heartbeat.lag_moves, 0);
    cases("contract: bad messages", usize::try_from(count).expect("few"), 30);
}
