//! Requests to one server, over connections that are kept.

use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{Address, Trust, TrustError};

/// What bounds an exchange.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For the whole of an exchange, connecting included.
    pub timeout: Duration,
    /// Octets of an answer's body.
    pub body: usize,
    /// Connections that are kept while nothing is asked.
    pub kept: usize,
}

impl Default for Bounds {
    /// Ten seconds, 16 MiB, 16 connections.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), body: 16 << 20, kept: 16 }
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Nobody listens there, or the way is cut.
    #[error("no connection to {address}: {error}")]
    Connect {
        /// Where.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// What speaks there is not the server that is trusted.
    #[error("no trust in {address}: {error}")]
    Tls {
        /// Where.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// It took too long.
    #[error("{0} did not answer in time")]
    TimedOut(String),
    /// The connection ended, or what came was no HTTP.
    #[error("the exchange with {address} failed: {error}")]
    Broken {
        /// With whom.
        address: String,
        /// How.
        error: hyper::Error,
    },
    /// The answer is larger than we take.
    #[error("the answer of {0} is too large")]
    TooLarge(String),
}

/// One server. Cheap to share.
#[derive(Debug)]
pub struct Web {
    address: Address,
    host: HeaderValue,
    tls: Option<Arc<ClientConfig>>,
    bounds: Bounds,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Web {
    /// Nothing is connected yet.
    pub fn new(address: Address, trust: &Trust, bounds: Bounds) -> Result<Self, TrustError> {
        let tls = if address.secure { Some(trust.config()?) } else { None };
        let standard = if address.secure { 443 } else { 80 };
        let host = if address.port == standard {
            address.host.clone()
        } else {
            format!("{}:{}", address.host, address.port)
        };
        let host = HeaderValue::try_from(host).map_err(|_| TrustError::NoAuthorities)?;
        Ok(Self { address, host, tls, bounds, idle: Mutex::default() })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Asks, and waits for the whole answer. The target of the request is a path and a query; the Host field is set here.
    ///
    /// A connection that was kept may have been closed meanwhile: what could not be sent on it is sent on another.
    /// Nothing is sent twice.
    pub async fn ask(&self, mut request: Request<Full<Bytes>>) -> Result<Reply, WebError> {
        request.headers_mut().insert(HOST, self.host.clone());
        let exchange = tokio::time::timeout(self.bounds.timeout, self.exchange(request)).await;
        exchange.unwrap_or_else(|_| Err(WebError::TimedOut(self.to_string())))
    }

    async fn exchange(&self, mut request: Request<Full<Bytes>>) -> Result<Reply, WebError> {
        while let Some(mut connection) = self.kept() {
            if connection.ready().await.is_err() {
                continue;
            }
            match connection.try_send_request(request).await {
                Ok(response) => return self.collect(connection, response).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(self.broken(error.into_error())),
                },
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.send_request(request).await.map_err(|error| self.broken(error))?;
        self.collect(connection, response).await
    }

    async fn collect(
        &self,
        connection: SendRequest<Full<Bytes>>,
        response: Response<Incoming>,
    ) -> Result<Reply, WebError> {
        let (parts, body) = response.into_parts();
        let body = match Limited::new(body, self.bounds.body).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(WebError::TooLarge(self.to_string())),
            Err(error) => match error.downcast::<hyper::Error>() {
                Ok(error) => return Err(self.broken(*error)),
                Err(_) => return Err(WebError::TooLarge(self.to_string())),
            },
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.bounds.kept {
            idle.push(connection);
        }
        drop(idle);
        Ok(Reply { status: parts.status, headers: parts.headers, body })
    }

    fn kept(&self) -> Option<SendRequest<Full<Bytes>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, WebError> {
        let host = self.address.host.trim_start_matches('[').trim_end_matches(']');
        let failed = |error| WebError::Connect { address: self.to_string(), error };
        let stream = TcpStream::connect((host, self.address.port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let Some(config) = &self.tls else { return self.speak(stream).await };
        let distrust = |error| WebError::Tls { address: self.to_string(), error };
        let name =
            ServerName::try_from(host.to_owned()).map_err(|error| distrust(io::Error::other(error)))?;
        let secured = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        self.speak(secured.map_err(distrust)?).await
    }

    async fn speak<T>(&self, stream: T) -> Result<SendRequest<Full<Bytes>>, WebError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| self.broken(error))?;
        // It ends when its sender is dropped, or the server closes it; how it ends, the sender hears.
        tokio::spawn(async move { _ = connection.await });
        Ok(sender)
    }

    fn broken(&self, error: hyper::Error) -> WebError {
        WebError::Broken { address: self.to_string(), error }
    }
}

/// Scheme, host and port, for error texts.
impl core::fmt::Display for Web {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let scheme = if self.address.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.address.host, self.address.port)
    }
}
