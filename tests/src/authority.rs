use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd,
};

/// An authority of certificates, and what it signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(..)")
    }
}

impl Authority {
    /// One that nobody knows yet.
    #[expect(clippy::new_without_default, reason = "no two are the same")]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        // OpenSSL takes a certificate for self-signed that bears the name of who signed it.
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("it is signed").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate, by which others know it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these names and its key, in PEM.
    pub fn sign(&self, names: &[SanType]) -> (String, String) {
        self.sign_with(names, |_| {})
    }

    /// One whose time is over.
    pub fn sign_expired(&self, names: &[SanType]) -> (String, String) {
        self.sign_with(names, |params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        })
    }

    fn sign_with(
        &self,
        names: &[SanType],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.subject_alt_names = names.to_vec();
        // Chromium and Python want to know who signed.
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let signed = params.signed_by(&key, &self.issuer).expect("it is signed");
        (signed.pem(), key.serialize_pem())
    }
}

/// A name as certificates have it.
pub fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("a name"))
}
