//! Who is let in, as data; what is decoded; and that the description of the API names what is served.

use axum::http::Request;

use crate::problem::Problem;
use crate::routes::sql::SqlRequest;
use crate::routes::{object_of, percent_decode};
use crate::safety::{Connection, Policy};

fn check(local: &str, method: &str, headers: &[(&str, &str)], writes: bool, expected: Option<&str>) {
    let policy = Policy { host_names: vec!["mill.example".into()], allow_get_writes: false };
    let mut request = Request::builder().method(method).uri("/publish/R2/P1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let connection = Connection { local: local.parse().unwrap(), peer: "127.0.0.1:50000".parse().unwrap() };
    let judged = policy.admit(&parts, &connection);
    let judged = judged.and_then(|()| if writes { policy.admit_write(&parts, &connection) } else { Ok(()) });
    let code = judged.err().map(code_of);
    assert_eq!(code.as_deref(), expected, "{method} {headers:?} over {local}");
}

fn code_of(problem: Problem) -> String {
    serde_json::to_value(&problem).unwrap()["code"].as_str().unwrap().to_owned()
}

#[test]
fn hosts_and_origins() {
    const HERE: &str = "127.0.0.1:8080";
    const THERE: &str = "192.0.2.7:8080";
    for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "mill.example:8080", "mill.example."] {
        check(HERE, "GET", &[("host", host)], false, None);
    }
    for host in ["evil.example", "localhost.evil.example:8080", "192.0.2.9", "", "127.0.0.1.evil.example"] {
        check(HERE, "GET", &[("host", host)], false, Some("host_not_allowed"));
    }
    check(THERE, "GET", &[("host", "192.0.2.7:8080")], false, None);
    check(THERE, "GET", &[("host", "localhost:8080")], false, Some("host_not_allowed"));
    check(HERE, "GET", &[], false, Some("host_not_allowed"));
    check(HERE, "GET", &[("host", "localhost"), ("host", "evil.example")], false, Some("bad_request"));

    let origin = |origin| [("host", "localhost:8080"), ("origin", origin)];
    check(HERE, "GET", &origin("http://localhost:8080"), false, None);
    for other in ["http://localhost:3000", "http://evil.example", "https://localhost:8080", "null", ""] {
        check(HERE, "GET", &origin(other), false, Some("origin_not_allowed"));
    }
}

#[test]
fn writes() {
    const HERE: &str = "127.0.0.1:8080";
    let with = |name, value| [("host", "localhost:8080"), (name, value)];
    check(HERE, "GET", &[("host", "localhost:8080")], true, None);
    check(HERE, "GET", &with("sec-fetch-site", "same-origin"), true, None);
    check(HERE, "GET", &with("sec-fetch-site", "none"), true, None);
    for site in ["cross-site", "same-site", "", "anything"] {
        check(HERE, "GET", &with("sec-fetch-site", site), true, Some("cross_site_write"));
        check(HERE, "GET", &with("sec-fetch-site", site), false, None);
    }
    check(HERE, "GET", &with("sec-purpose", "prefetch"), true, Some("cross_site_write"));
    check(HERE, "GET", &with("sec-purpose", "prefetch;prerender"), true, Some("cross_site_write"));
    check(HERE, "HEAD", &[("host", "localhost:8080")], true, Some("method_not_allowed"));
    let there = [("host", "192.0.2.7:8080")];
    check("192.0.2.7:8080", "GET", &there, true, Some("get_writes_off"));
    check("192.0.2.7:8080", "POST", &there, true, None);
}

#[test]
fn percent_decoding() {
    for (text, expected) in [
        ("a%20b", "a b"),
        ("a+b", "a b"),
        ("%", "%"),
        ("%4", "%4"),
        ("%zz", "%zz"),
        ("%C3%A9", "é"),
        ("%ff", "\u{fffd}"),
    ] {
        assert_eq!(percent_decode(text, true), expected, "{text}");
    }
    assert_eq!(percent_decode("a+b", false), "a+b");
}

#[test]
fn the_api_is_described() {
    let described: serde_json::Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let served = include_str!("routes/mod.rs");
    let mut routes = 0;
    for path in served.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        routes += 1;
        assert!(described["paths"].get(path).is_some(), "openapi.json does not describe {path}");
    }
    assert_eq!(described["paths"].as_object().unwrap().len(), routes, "openapi.json describes what is not served");
}

#[test]
fn a_body_that_is_no_object_is_refused_without_names_of_ours() {
    let check = |body: &str, expected: Option<&str>| {
        let refused = object_of::<SqlRequest>(body.as_bytes()).err().map(|problem| {
            let said = serde_json::to_value(&problem).unwrap();
            format!("{}; {}", said["detail"].as_str().unwrap(), said["fix"].as_str().unwrap_or(""))
        });
        assert_eq!(refused.is_some(), expected.is_some(), "{body}: {refused:?}");
        let said = refused.unwrap_or_default();
        assert!(said.contains(expected.unwrap_or("")) && !said.contains("SqlRequest"), "{body}: {said}");
    };
    check(r#" {"sql": "SHOW STREAMS"}"#, None);
    check("[]", Some("not a JSON object; send an object"));
    check(r#"["SHOW STREAMS", {}]"#, Some("not a JSON object; send an object"));
    check("7", Some("not a JSON object"));
    check("", Some("not a JSON object"));
    check("{}", Some("missing field `sql`"));
}
