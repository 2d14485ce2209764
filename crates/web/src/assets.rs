//! The console's files: embedded, with entity tags, compressed once when first asked for.

use std::io::Write;
use std::sync::OnceLock;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;

const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Asset {
    path: &'static str,
    plain: &'static [u8],
    gzip: Option<Bytes>,
    etag: HeaderValue,
    content_type: HeaderValue,
}

fn assets() -> &'static [Asset] {
    static ASSETS: OnceLock<Vec<Asset>> = OnceLock::new();
    ASSETS.get_or_init(|| FILES.iter().map(|(path, plain)| Asset::new(path, plain)).collect())
}

impl Asset {
    fn new(path: &'static str, plain: &'static [u8]) -> Self {
        let (content_type, compress) = match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "html" => ("text/html; charset=utf-8", true),
            "js" => ("text/javascript; charset=utf-8", true),
            "css" => ("text/css; charset=utf-8", true),
            "svg" => ("image/svg+xml", true),
            "json" => ("application/json", true),
            "woff2" => ("font/woff2", false),
            "png" => ("image/png", false),
            _ => ("application/octet-stream", false),
        };
        let etag = format!("\"{:016x}\"", fnv1a(plain));
        Self {
            path,
            plain,
            gzip: compress.then(|| gzip(plain)),
            etag: HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"0\"")),
            content_type: HeaderValue::from_static(content_type),
        }
    }
}

/// The file at `path`, the page itself for its own routes, or nothing.
pub(crate) fn serve(path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    let is_page =
        matches!(path, "/" | "/queries" | "/topics") || path.starts_with("/queries/") || path.starts_with("/topics/");
    let path = if is_page { "/index.html" } else { path };
    let asset = assets().iter().find(|asset| asset.path == path)?;
    let has = |name: header::HeaderName, what: &str| {
        headers.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(what))
    };
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    out.insert(header::ETAG, asset.etag.clone());
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    out.insert(header::CONTENT_TYPE, asset.content_type.clone());
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if path == "/index.html" {
        out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    }
    if has(header::IF_NONE_MATCH, asset.etag.to_str().unwrap_or("-")) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(response);
    }
    let body = match &asset.gzip {
        Some(gzip) if has(header::ACCEPT_ENCODING, "gzip") => {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzip.clone()
        }
        _ => Bytes::from_static(asset.plain),
    };
    *response.body_mut() = Body::from(body);
    Some(response)
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Into memory: cannot fail.
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    Bytes::from(written.unwrap_or_default())
}

/// A tag of the content. Not for security: the files are our own.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
