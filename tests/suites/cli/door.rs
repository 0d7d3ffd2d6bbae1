//! TLS, certificates and tokens: what gets in, and what whoever does not get in is told.

use std::fs;
use std::net::SocketAddr;

use pawl_api::pb;
use pawl_api::pb::pipeline_service_server::{PipelineService, PipelineServiceServer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::session::{Session, compare};

/// A service that only lists, and only for who has the token.
struct Guarded;

macro_rules! closed {
    ($($call:ident: $request:ident -> $response:ident),*) => {
        #[tonic::async_trait]
        impl PipelineService for Guarded {
            async fn list_pipelines(
                &self,
                _request: Request<pb::ListPipelinesRequest>,
            ) -> Result<Response<pb::ListPipelinesResponse>, Status> {
                let pipeline =
                    pb::Pipeline { pipeline_id: "sales".to_owned(), ..Default::default() };
                let pipelines = vec![pipeline];
                Ok(Response::new(pb::ListPipelinesResponse { pipelines, ..Default::default() }))
            }

            $(async fn $call(
                &self,
                _request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                Err(Status::permission_denied("the role viewer may not do this"))
            })*
        }
    };
}

closed!(
    create_pipeline: CreatePipelineRequest -> CreatePipelineResponse,
    get_pipeline: GetPipelineRequest -> GetPipelineResponse,
    update_pipeline: UpdatePipelineRequest -> UpdatePipelineResponse,
    delete_pipeline: DeletePipelineRequest -> DeletePipelineResponse,
    get_board: GetBoardRequest -> GetBoardResponse
);

fn check(request: Request<()>) -> Result<Request<()>, Status> {
    match request.metadata().get("authorization").map(|value| value.as_bytes()) {
        Some(b"Bearer s3cret") => Ok(request),
        Some(_) => Err(Status::unauthenticated("no such token")),
        None => Err(Status::unauthenticated("who is calling is not said")),
    }
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// A certificate for a name and its key, in PEM.
fn signed(issuer: &Issuer, name: &str, is_expired: bool) -> (String, String) {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    if is_expired {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("it is signed");
    (certificate.pem(), key.serialize_pem())
}

async fn serve(tls: Option<ServerTlsConfig>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has an address");
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls).expect("it is sound");
    }
    let service = PipelineServiceServer::with_interceptor(Guarded, check);
    let serving = server.add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(serving);
    address
}

#[tokio::test]
async fn who_gets_in_and_who_does_not() {
    let (ours, theirs) = (authority(), authority());
    let identity = |(certificate, key): (String, String)| Identity::from_pem(certificate, key);
    let tls = |name, is_expired| {
        ServerTlsConfig::new().identity(identity(signed(&ours, name, is_expired)))
    };
    let plain = serve(None).await;
    let safe = serve(Some(tls("localhost", false))).await;
    let expired = serve(Some(tls("localhost", true))).await;
    let named = serve(Some(tls("crm.example", false))).await;
    let mutual = tls("localhost", false).client_ca_root(Certificate::from_pem(ours.pem()));
    let mutual = serve(Some(mutual)).await;

    let mut session = Session::new();
    let write = |name: &str, text: &str| {
        fs::write(session.path().join(name), text).expect("it can be written");
    };
    write("ca.pem", &ours.pem());
    write("other-ca.pem", &theirs.pem());
    write("empty", "\n");
    write("token", "s3cret\n");
    write("wrong", "guessed\n");
    let (certificate, key) = signed(&ours, "ines", false);
    write("cert.pem", &certificate);
    write("key.pem", &key);
    for (name, address) in [
        ("PLAIN", plain),
        ("SAFE", safe),
        ("EXPIRED", expired),
        ("NAMED", named),
        ("MUTUAL", mutual),
    ] {
        session.set(name, format!("localhost:{}", address.port()));
        session.hide(format!("localhost:{}", address.port()), name);
    }

    let list = "pipeline list -o json";
    for (options, code) in [
        ("--address $PLAIN --token s3cret", 0),
        ("--address $PLAIN --token-file token", 0),
        ("--address $PLAIN", 5),
        ("--address $PLAIN --token-file wrong", 5),
        ("--address $PLAIN --token-file empty", 1),
        ("--address https://$PLAIN", 3),
        ("--address https://$SAFE --token-file token --ca-file ca.pem", 0),
        ("--address https://$SAFE --token-file token", 3),
        ("--address https://$SAFE --token-file token --ca-file other-ca.pem", 3),
        ("--address https://$EXPIRED --token-file token --ca-file ca.pem", 3),
        ("--address https://$NAMED --token-file token --ca-file ca.pem", 3),
        (
            "--address https://$NAMED --token-file token --ca-file ca.pem --server-name crm.example",
            0,
        ),
        (
            "--address https://$MUTUAL --token-file token --ca-file ca.pem --cert cert.pem --key key.pem",
            0,
        ),
        ("--address https://$SAFE --cert cert.pem", 2),
    ] {
        let came = session.run(&format!("{list} {options}")).await;
        assert_eq!(came.code, code, "{options}: {}{}", came.out, came.err);
    }
    // How a connection ends that the other side gives up is not always told in the same words.
    let mut cut_off = Session::new();
    let ca = session.path().join("ca.pem").display().to_string();
    for (options, advice) in [
        (format!("--address {safe}"), format!("--address https://{safe}")),
        (format!("--address https://localhost:{} --ca-file {ca}", mutual.port()), "--cert".into()),
    ] {
        let came = cut_off.run(&format!("{list} {options}")).await;
        assert_eq!(came.code, 3, "{options}: {}", came.err);
        assert!(came.err.contains(&advice), "{options}: {}", came.err);
    }

    session.set("PAWL_TOKEN", "s3cret".to_owned());
    assert_eq!(session.run("pipeline list -o json --address $PLAIN").await.code, 0);
    assert_eq!(session.run("pipeline get sales --address $PLAIN").await.code, 5);
    // The command line goes before the environment.
    assert_eq!(session.run("pipeline list --address $PLAIN --token-file wrong").await.code, 5);
    compare!("door", session, 17);
}
