//! TLS as an emulated device has it: its certificate shown, a client's asked for, and the role that stands in that one.
//!
//! By Modbus/TCP Security a role is a text in an extension of the client's certificate. Reading is free to all who were let in;
//! writing is for those whose role may. Makes no certificates: they are handed in as PEM.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};
use x509_cert::Certificate;
use x509_cert::der::asn1::Utf8StringRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{self, Decode};

/// Where the role stands, by Modbus/TCP Security.
const ROLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.50316.802.1");
/// The roles that may write, however their letters are written. The standard leaves the names to the maker.
const MAY_WRITE: [&str; 2] = ["operator", "engineer"];

/// What is wrong with the files an emulated device is to have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Whoever has a certificate of this authority is let in.
    #[error("the CA's certificate: {0}")]
    Ca(String),
    /// What the devices show.
    #[error("the devices' certificate: {0}")]
    Certificate(String),
    /// What goes with it, or does not.
    #[error("the devices' key: {0}")]
    Key(String),
}

/// What the emulated devices of a site show to who comes by TLS, and whom they let in.
#[derive(Clone, Debug)]
pub struct Keys(Arc<ServerConfig>);

impl Keys {
    /// From PEM.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(ca: &[u8], certificate: &[u8], key: &[u8]) -> Result<Self, Unfit> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca).map_err(Unfit::Ca)? {
            roots.add(certificate).map_err(|error| Unfit::Ca(error.to_string()))?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let verifier = verifier.map_err(|error| Unfit::Ca(error.to_string()))?;
        let chain = certificates(certificate).map_err(Unfit::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| Unfit::Key(error.to_string()))?;
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(rustls::DEFAULT_VERSIONS);
        let builder = builder.map_err(|error| Unfit::Key(error.to_string()))?.with_client_cert_verifier(verifier);
        let config = builder.with_single_cert(chain, key).map_err(|error| Unfit::Key(error.to_string()))?;
        Ok(Self(Arc::new(config)))
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| error.to_string())?;
    if read.is_empty() { Err("there is none in PEM in it".into()) } else { Ok(read) }
}

/// Whether who is on a connection may write. Empty until the handshake is over.
pub(super) type MayWrite = Arc<OnceLock<bool>>;

/// Whether the role in a certificate is one that may write. No role, or one that cannot be read, is none.
fn may_write(certificate: &CertificateDer<'_>) -> bool {
    let role = || -> Option<String> {
        let read = Certificate::from_der(certificate).ok()?;
        let extensions = read.tbs_certificate().extensions()?;
        let role = extensions.iter().find(|extension| extension.extn_id == ROLE)?;
        let text: der::Result<Utf8StringRef<'_>> = Utf8StringRef::from_der(role.extn_value.as_bytes());
        text.ok().map(|text| text.as_str().to_ascii_lowercase())
    };
    role().is_some_and(|role| MAY_WRITE.contains(&role.as_str()))
}

/// A connection to an emulated device: plain, or TLS whose handshake is made when it is first read, so that a client
/// that says nothing keeps no other one waiting.
pub(super) enum Wire {
    Plain(TcpStream),
    Shaking(Box<Accept<TcpStream>>, MayWrite),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// By TLS where there are keys; what becomes known of who is there.
    pub(super) fn over(stream: TcpStream, keys: Option<&Keys>) -> (Self, Option<MayWrite>) {
        let Some(Keys(config)) = keys else { return (Self::Plain(stream), None) };
        let may = MayWrite::default();
        let accept = TlsAcceptor::from(Arc::clone(config)).accept(stream);
        (Self::Shaking(Box::new(accept), Arc::clone(&may)), Some(may))
    }

    fn shaken(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Shaking(accept, may) = self {
            let stream = ready!(Pin::new(accept.as_mut()).poll(cx))?;
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let _ = may.set(shown.is_some_and(may_write));
            *self = Self::Tls(Box::new(stream));
        }
        Poll::Ready(Ok(()))
    }
}

/// A connection that is still shaking hands is neither read nor written.
fn early() -> Poll<io::Result<usize>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.shaken(cx))?;
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, into),
            Self::Shaking(..) => early().map_ok(drop),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
            Self::Shaking(..) => early(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            Self::Shaking(..) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Self::Shaking(..) => Poll::Ready(Ok(())),
        }
    }
}
