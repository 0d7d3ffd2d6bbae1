//! Who gets in, and for what: every RPC and route, every role, every way to be refused; what lies
//! outside of somebody's pipelines; and what happens to calls that last.

mod doors;
mod file;
mod lasting;
mod limits;
mod matrix;
mod same;
mod tls;

use std::path::Path;

use pawl_api::pb::event_service_client::EventServiceClient;
use pawl_api::pb::pipeline_service_client::PipelineServiceClient;
use pawl_tests::{Refused, Server};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use file::AccessFile;

/// Sends a token along.
#[derive(Debug, Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    fn new(token: &str) -> Self {
        Self(format!("Bearer {token}").parse().expect("a token is ASCII"))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type As = InterceptedService<Channel, Bearer>;

/// Somebody with a token, on a connection of their own.
#[derive(Debug, Clone)]
struct Somebody(As);

impl Somebody {
    async fn with(token: &str, server: &Server) -> Self {
        let channel = channel(server).await;
        Self(InterceptedService::new(channel, Bearer::new(token)))
    }

    fn pipelines(&self) -> PipelineServiceClient<As> {
        PipelineServiceClient::new(self.0.clone())
    }

    fn events(&self) -> EventServiceClient<As> {
        EventServiceClient::new(self.0.clone())
    }
}

async fn channel(server: &Server) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address()));
    endpoint.expect("an address").connect().await.expect("it listens")
}

/// A server that asks who calls.
async fn guarded(file: &AccessFile) -> Server {
    Server::start_with(&["--access-file", text(file.path())]).await
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// The reason, and what its metadata say is wrong with the credentials.
fn problem(status: &Status) -> (String, String) {
    let refused = Refused::from(status);
    let problem = refused.metadata.get("problem").cloned();
    (refused.reason, problem.unwrap_or_default())
}
