//! TLS to a device, as Modbus/TCP Security asks for it: its certificate believed for the sake of one authority alone, and ours shown.
//!
//! What is to be believed is handed in as PEM and read once. Nothing here falls back to plain Modbus, goes on with a certificate in
//! doubt, or takes up an earlier session: each connection proves itself anew.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, ClientConfig, InconsistentKeys, ProtocolVersion, RootCertStore,
};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::stream::Heard;
use crate::site;
use crate::time::Wall;

/// Why there is no TLS with a device, named for what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTls {
    /// Its certificate is too old.
    #[error("its certificate has expired")]
    Expired,
    /// Its certificate is too young.
    #[error("its certificate is not valid yet")]
    NotYet,
    /// Its certificate is another authority's.
    #[error("its certificate is not from the CA of the site file")]
    UnknownCa,
    /// Its certificate is somebody else's.
    #[error("its certificate is made out to another name")]
    OtherName,
    /// Its certificate is not one that a device can show.
    #[error("its certificate cannot be used")]
    Unfit,
    /// It wants to know who we are, and the site file does not say.
    #[error("it asks for a certificate, and the site file has none for it")]
    Asks,
    /// It does not believe who we are.
    #[error("it does not take our certificate")]
    Refuses,
    /// There is no version and no cipher that both have.
    #[error("it has no TLS version or cipher in common with us")]
    NothingInCommon,
    /// It ended the connection without a reason, before any answer. By TLS 1.3 it looks at our certificate when we are done already.
    #[error("it broke off the handshake")]
    BrokenOff,
    /// What came is no TLS, or nothing came.
    #[error("it does not answer in TLS")]
    NotSpoken,
    /// The handshake was not over in time.
    #[error("its handshake was not over within 1 s")]
    Late,
    /// The site file asks for TLS, and whoever connects gave nothing to prove it by.
    #[error("the files that its tls names were not read")]
    NotRead,
}

impl NoTls {
    /// What the operator can look at.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::Expired => "renew the device's certificate; where it is not that old, set the clock of this machine",
            Self::NotYet => "set the clock of this machine, and look at the date of the device's certificate",
            Self::UnknownCa => "check `tls.ca` in the site file, and whether this is the device that should be there",
            Self::OtherName => {
                "set `tls.server_name` in the site file to a name in the device's certificate (its alternative names)"
            }
            Self::Unfit => "give the device a certificate of your own CA: version 3, for servers, and no CA itself",
            Self::Asks => "add `certificate` and `key` to its tls in the site file",
            Self::Refuses => "check that the device knows the CA of our certificate, and that ours holds today",
            Self::NothingInCommon => "the device needs TLS 1.2 or 1.3 with a cipher of today: update its firmware",
            Self::BrokenOff => {
                "most do that to a certificate they do not take: check that the device knows its CA, and that it holds today"
            }
            Self::NotSpoken => {
                "check that TLS is switched on there and its port (802 is usual, 502 is plain Modbus), and whether another client holds its connection"
            }
            Self::Late => "check that its port speaks TLS (802 is usual, 502 is plain Modbus), and the network",
            Self::NotRead => "this is a mistake of this program: report it",
        }
    }

    /// From what the library says; `known` where we have shown who we are.
    pub(super) fn of(error: &rustls::Error, known: bool) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert, known),
            rustls::Error::PeerIncompatible(_) => Self::NothingInCommon,
            rustls::Error::NoCertificatesPresented => Self::Unfit,
            _ => Self::NotSpoken,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYet,
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownCa,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
            _ => Self::Unfit,
        }
    }

    fn of_alert(alert: AlertDescription, known: bool) -> Self {
        match alert {
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => Self::NothingInCommon,
            AlertDescription::HandshakeFailure if known => Self::NothingInCommon,
            AlertDescription::UnrecognisedName => Self::OtherName,
            // Before TLS 1.3 there is no word of its own for a certificate that is missing.
            _ if !known => Self::Asks,
            AlertDescription::CertificateRequired => Self::Asks,
            _ => Self::Refuses,
        }
    }

    /// Of a handshake that broke, where it was TLS that broke it.
    fn of_handshake(error: &io::Error, known: bool, heard: bool) -> Option<Self> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let gone = matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof);
        let end = if heard { Self::BrokenOff } else { Self::NotSpoken };
        inner(error).map(|error| Self::of(error, known)).or(gone.then_some(end))
    }
}

/// What the library says inside an error of the connection.
pub(super) fn inner(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What is wrong with a file, named for the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// That of the authority.
    #[error("{0}")]
    Ca(Why),
    /// That with our certificate.
    #[error("{0}")]
    Certificate(Why),
    /// That with its key.
    #[error("{0}")]
    Key(Why),
    /// The key is another certificate's.
    #[error("this key does not go with the certificate")]
    NotAPair,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// There is nothing of the kind in it.
    #[error("there is no {0} in PEM in it")]
    Absent(&'static str),
    /// What is in it is broken.
    #[error("what is in it cannot be read: {0}")]
    Broken(String),
}

/// What a site believes, and who it is: for all devices with the same files.
#[derive(Clone, Debug)]
pub struct Trust {
    config: Arc<ClientConfig>,
    known: bool,
    until: Option<Wall>,
}

impl Trust {
    /// From PEM: the certificates of the authority, and ours with its key, where a device asks for it.
    ///
    /// # Errors
    /// Everything that is wrong with the files, at once.
    pub fn read(ca: &[u8], identity: Option<(&[u8], &[u8])>) -> Result<Self, Vec<Unfit>> {
        let roots = roots(ca).map_err(Unfit::Ca);
        let pair = identity.map(|(certificate, key)| {
            (certificates(certificate).map_err(Unfit::Certificate), private_key(key).map_err(Unfit::Key))
        });
        match (roots, pair) {
            (Ok(roots), None) => Self::with(roots, None),
            (Ok(roots), Some((Ok(certificates), Ok(key)))) => Self::with(roots, Some((certificates, key))),
            (roots, pair) => {
                let (certificate, key) = pair.map_or((None, None), |(certificate, key)| (certificate.err(), key.err()));
                Err([roots.err(), certificate, key].into_iter().flatten().collect())
            }
        }
    }

    fn with(roots: RootCertStore, pair: Option<Pair>) -> Result<Self, Vec<Unfit>> {
        let broken = |error: rustls::Error| vec![Unfit::Ca(Why::Broken(error.to_string()))];
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let verifier = verifier.map_err(|error| vec![Unfit::Ca(Why::Broken(error.to_string()))])?;
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(rustls::DEFAULT_VERSIONS).map_err(broken)?;
        let builder = builder.with_webpki_verifier(verifier);
        let (known, until) = (pair.is_some(), pair.as_ref().and_then(|(certificates, _)| until(certificates.first()?)));
        let mut config = match pair {
            None => builder.with_no_client_auth(),
            Some((certificates, key)) => builder.with_client_auth_cert(certificates, key).map_err(|error| {
                vec![match error {
                    rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Unfit::NotAPair,
                    rustls::Error::InvalidCertificate(_) => Unfit::Certificate(Why::Broken(error.to_string())),
                    error => Unfit::Key(Why::Broken(error.to_string())),
                }]
            })?,
        };
        // An earlier session would be taken up without a look at the certificate, which may have run out since.
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), known, until })
    }

    /// Until when our own certificate holds, where we have one and it says so.
    pub fn until(&self) -> Option<Wall> {
        self.until
    }

    /// Whoever is at this address, under this name where one is given; nothing where that is no name.
    pub fn client(&self, address: IpAddr, name: Option<&str>) -> Option<Client> {
        let name = match name {
            None => ServerName::IpAddress(address.into()),
            Some(name) => ServerName::try_from(name.to_owned()).ok()?,
        };
        Some(Client { config: Arc::clone(&self.config), known: self.known, name })
    }
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The one crypto library of this program.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Why> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| Why::Broken(error.to_string()))?;
    if read.is_empty() { Err(Why::Absent("certificate")) } else { Ok(read) }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, Why> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| Why::Broken(error.to_string()))?;
    }
    Ok(roots)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Why> {
    use rustls::pki_types::pem::Error;
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        Error::NoItemsFound => Why::Absent("key without a password"),
        error => Why::Broken(error.to_string()),
    })
}

/// Until when a certificate holds.
fn until(certificate: &CertificateDer<'_>) -> Option<Wall> {
    let read = Certificate::from_der(certificate).ok()?;
    let until = read.tbs_certificate().validity().not_after.to_unix_duration();
    Some(Wall::from_micros(0).after(until))
}

/// What a connection to one device must prove, and what it is shown.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    known: bool,
    name: ServerName<'static>,
}

/// What was met behind a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// The cipher, as the standard calls it.
    pub cipher: &'static str,
    /// Until when its certificate holds; nothing where that cannot be read.
    pub until: Option<Wall>,
}

impl Client {
    /// What a connection to this device is made with: nothing where its site file asks for nothing. Never nothing where it asks for TLS.
    pub(super) fn of(device: &site::Device, given: Option<Self>) -> Result<Option<Self>, NoTls> {
        if device.tls.is_some() && given.is_none() { Err(NoTls::NotRead) } else { Ok(given) }
    }

    /// The handshake over a connection that was just made. Nothing where the connection broke, and not TLS.
    pub(super) async fn shake(&self, stream: TcpStream) -> Result<(TlsStream<Heard>, Met), Option<NoTls>> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let shaken = connector.connect(self.name.clone(), Heard::of(stream)).into_fallible().await;
        let stream =
            shaken.map_err(|(error, stream)| NoTls::of_handshake(&error, self.known, stream.heard_anything()))?;
        let (_, connection) = stream.get_ref();
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "TLS 1.2",
        };
        let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("");
        let until = connection.peer_certificates().and_then(|all| until(all.first()?));
        Ok((stream, Met { version, cipher, until }))
    }

    /// Whether we show who we are, where the device asks.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }
}
