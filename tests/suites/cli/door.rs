//! TLS, certificates and tokens: what gets in, and what whoever does not get in is told.

use std::fs;

use pawl_tests::{Authority, Server, dns};

use crate::session::{Session, compare};

/// The list that every command of the table asks for.
const LIST: &str = "pipeline list -o json";

/// A server that asks who calls, and whose certificate is in `NAME.pem`, if it has one.
async fn serve(session: &mut Session, name: &'static str, certificate: Option<&str>) -> Server {
    let path = |file: &str| session.path().join(file).display().to_string();
    let mut args = vec!["--access-file".to_owned(), path("access.toml")];
    if let Some(certificate) = certificate {
        for (option, file) in [
            ("--tls-cert", format!("{certificate}.pem")),
            ("--tls-key", format!("{certificate}.key")),
            ("--tls-client-ca", "ca.pem".to_owned()),
        ] {
            args.extend([option.to_owned(), path(&file)]);
        }
    }
    let server = Server::start_with(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let address = format!("localhost:{}", server.address().port());
    session.set(name, address.clone());
    session.hide(address, name);
    server
}

#[tokio::test]
async fn who_gets_in_and_who_does_not() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let mut session = Session::new();
    let write = |name: &str, text: &str| {
        fs::write(session.path().join(name), text).expect("it can be written");
    };
    write("ca.pem", ours.pem());
    write("other-ca.pem", theirs.pem());
    write("empty", "\n");
    write("wrong", "guessed\n");
    for (name, (certificate, key)) in [
        ("server", ours.sign(&[dns("localhost")])),
        ("expired", ours.sign_expired(&[dns("localhost")])),
        ("named", ours.sign(&[dns("crm.example")])),
        ("ines", ours.sign(&[dns("ines.example")])),
        ("nobody", ours.sign(&[dns("nobody.example")])),
    ] {
        write(&format!("{name}.pem"), &certificate);
        write(&format!("{name}.key"), &key);
    }
    for (name, role) in [("boss", "admin"), ("board", "viewer")] {
        let made = session.unseen(&format!("token create {name} --role {role} > {name}")).await;
        assert_eq!(made.code, 0, "{}", made.err);
    }
    let access = session.path().join("access.toml");
    let certificate = "\n[[certificate]]\nname = \"ines.example\"\nroles = [\"viewer\"]\n";
    let text = fs::read_to_string(&access).expect("tokens are in it") + certificate;
    fs::write(&access, text).expect("it can be written");

    let mut servers = Vec::new();
    for (name, certificate) in [
        ("PLAIN", None),
        ("SAFE", Some("server")),
        ("EXPIRED", Some("expired")),
        ("NAMED", Some("named")),
    ] {
        servers.push(serve(&mut session, name, certificate).await);
    }

    let create = "pipeline create sales --kind deal --stage new --token-file boss";
    for (command, code) in [
        (format!("{create} --address $PLAIN"), 0),
        (format!("{create} --address https://$SAFE --ca-file ca.pem"), 0),
        (format!("{LIST} --address $PLAIN --token-file board"), 0),
        (format!("{LIST} --address $PLAIN --token $(cat board)"), 0),
        (format!("{LIST} --address $PLAIN"), 5),
        (format!("{LIST} --address $PLAIN --token-file wrong"), 5),
        (format!("{LIST} --address $PLAIN --token-file empty"), 1),
        ("pipeline delete sales --address $PLAIN --token-file board".to_owned(), 5),
        (format!("{LIST} --address https://$PLAIN"), 3),
        (format!("{LIST} --address https://$SAFE --token-file board --ca-file ca.pem"), 0),
        (format!("{LIST} --address https://$SAFE --token-file board"), 3),
        (format!("{LIST} --address https://$SAFE --token-file board --ca-file other-ca.pem"), 3),
        (format!("{LIST} --address https://$EXPIRED --token-file board --ca-file ca.pem"), 3),
        (format!("{LIST} --address https://$NAMED --token-file board --ca-file ca.pem"), 3),
        (
            format!(
                "{LIST} --address https://$NAMED --token-file board --ca-file ca.pem \
                 --server-name crm.example"
            ),
            0,
        ),
        (
            format!(
                "{LIST} --address https://$SAFE --ca-file ca.pem --cert ines.pem --key ines.key"
            ),
            0,
        ),
        (
            format!(
                "{LIST} --address https://$SAFE --ca-file ca.pem --cert nobody.pem --key nobody.key"
            ),
            5,
        ),
        (format!("{LIST} --address https://$SAFE --cert ines.pem"), 2),
    ] {
        let came = session.run(&command).await;
        assert_eq!(came.code, code, "{command}: {}{}", came.out, came.err);
    }
    // How a connection ends that the other side gives up is not always told in the same words.
    let came = session.unseen(&format!("{LIST} --address $SAFE")).await;
    assert_eq!(came.code, 3, "{}", came.err);
    let advice = format!("--address https://localhost:{}", servers[1].address().port());
    assert!(came.err.contains(&advice), "{}", came.err);

    session.set("PAWL_TOKEN_FILE", "board".to_owned());
    for (command, code) in [
        (format!("{LIST} --address $PLAIN"), 0),
        ("pipeline get sales --address $PLAIN".to_owned(), 0),
        // The command line goes before the environment.
        (format!("{LIST} --address $PLAIN --token-file wrong"), 5),
    ] {
        let came = session.run(&command).await;
        assert_eq!(came.code, code, "{command}: {}{}", came.out, came.err);
    }
    compare!("door", session, 21);
}
