//! What to do about a connection that cannot be had, and about a call that was not allowed.

use tonic::Code;

use crate::client::{ServerError, Target};

/// What to do when a server cannot be connected to.
pub(super) fn of_connecting(target: &Target, cause: &str) -> String {
    if let Some(advice) = of_tls(target, cause) {
        return advice;
    }
    "`pawl serve` starts one; --address, PAWL_ADDRESS or a context (`pawl context`) name another"
        .to_owned()
}

/// What to do when a call failed, if that can be said without knowing the call.
pub(crate) fn of_failing(target: &Target, error: &ServerError) -> Option<String> {
    if let Some(cause) = error.broken_by() {
        return of_tls(target, &cause);
    }
    match error.code() {
        Code::Unauthenticated if target.bearer.0.is_some() => {
            Some("the server does not know this token: it may have been revoked or be another server's; `pawl context show` tells which one is used".to_owned())
        }
        Code::Unauthenticated if !target.has_certificate => Some(
            "say who you are: --token-file FILE or PAWL_TOKEN, or keep it with \
             `pawl context set NAME --address … --token-file FILE`; whoever runs the server gives \
             tokens out with `pawl token create`"
                .to_owned(),
        ),
        Code::Unauthenticated => {
            Some("the server does not know this certificate: --cert and --key name another".to_owned())
        }
        Code::PermissionDenied => Some(
            "this needs a role that the token or certificate does not have: viewer reads, publisher publishes \
             events, editor changes entities, admin everything"
                .to_owned(),
        ),
        Code::Unimplemented => {
            Some("the server is older than this command, or is no pawl server".to_owned())
        }
        _ => None,
    }
}

/// What is wrong between two ends of which at least one speaks TLS.
fn of_tls(target: &Target, cause: &str) -> Option<String> {
    let has = |parts: &[&str]| parts.iter().any(|part| cause.contains(part));
    let address = &target.address;
    let is_cut_off =
        has(&["h2", "http2", "frame", "protocol error", "broken pipe", "closed", "reset"]);
    let advice = if !address.is_encrypted() {
        if !is_cut_off {
            return None;
        }
        format!("if the server speaks TLS: --address https://{}", address.authority())
    } else if has(&["UnknownIssuer", "BadSignature"]) {
        "nobody whom this machine trusts has signed the server's certificate; --ca-file FILE names \
         the authority that did"
            .to_owned()
    } else if has(&["Expired", "expired"]) {
        "the server's certificate has expired, or the clock of this machine is wrong; whoever runs \
         the server has to renew it"
            .to_owned()
    } else if has(&["NotValidForName", "not valid for name"]) {
        "the server's certificate is for another name; connect by that name, or say which it is \
         with --server-name NAME"
            .to_owned()
    } else if has(&["InvalidContentType", "corrupt message", "HTTP/2 was not negotiated"]) {
        format!("the server may not speak TLS there: try --address http://{}", address.authority())
    } else if has(&["CertificateRequired", "certificate required"])
        || (is_cut_off && !target.has_certificate)
    {
        "if the server asks for a certificate: --cert FILE and --key FILE".to_owned()
    } else if has(&["fatal alert"]) {
        "the server did not accept what this end offers; if it asks for a certificate, is it the \
         right one that --cert names?"
            .to_owned()
    } else {
        return None;
    };
    Some(advice)
}
