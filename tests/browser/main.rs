//! The console in a real browser, against the built program.
//!
//! Verified: the curves move, their points are the table's, a bad record and a published one are seen, the page comes back by
//! itself after a restart, nothing is fetched from elsewhere, nothing complains, and axe finds no fault.
//! Not verified: what it looks like.

mod chromium;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chromium::{Browser, NARROW, Screen, WIDE};
use serde_json::Value;
use tests::http;
use tests::program::{Program, test_dir};

const WAIT: Duration = Duration::from_secs(20);
const STATE: &str = "document.querySelector('.state')?.textContent.trim() ?? ''";
const DRAWN: &str = "document.querySelector('#query-page_count [role=figure]')?.drawn?.() ?? null";

/// From the start of the process to two curves that have each risen twice.
const MOVING: Duration = if cfg!(debug_assertions) { Duration::from_secs(20) } else { Duration::from_secs(3) };

fn page(name: &str, screen: Screen) -> Option<Browser> {
    Browser::start(&test_dir(&format!("{name}-profile")), screen)
}

fn pause(program: &Program) {
    let answer = http::post_json(&program.http, "/v1/generators/page_event_supplier/pause", "{}").expect("it answers");
    assert_eq!(answer.json()["state"], "paused");
}

/// What is drawn: (page, window's end in ms) → count, the running window's too.
fn points(drawn: &Value) -> BTreeMap<(String, i64), i64> {
    let mut points = BTreeMap::new();
    for series in drawn["series"].as_array().into_iter().flatten() {
        let key = series["key"].as_str().unwrap_or_default();
        for point in ["points", "running"].into_iter().flat_map(|kind| series[kind].as_array().into_iter().flatten()) {
            if let (Some(end), Some(value)) = (point["end"].as_i64(), point["value"].as_i64()) {
                points.insert((key.to_owned(), end), value);
            }
        }
    }
    points
}

#[test]
fn the_curves_move_at_once() {
    let Some(mut browser) = page("moving", WIDE) else { return };
    let dir = test_dir("moving");
    // Building it is not its start.
    let _ = tests::program::binary();
    let started = Instant::now();
    let program = Program::start(&dir, &[]);
    browser.open(&format!("http://{}/", program.http));
    let mut risen: BTreeMap<String, u32> = BTreeMap::new();
    let mut before = BTreeMap::new();
    while !["P1", "P2"].iter().all(|key| risen.get(*key).is_some_and(|times| *times >= 2)) {
        let passed = started.elapsed();
        assert!(passed < MOVING, "after {passed:?} the curves have risen {risen:?}; {:?}", browser.complaints);
        let now = points(&browser.evaluate(DRAWN));
        for (place, value) in &now {
            // A window that was not there before begins at 0.
            if !before.is_empty() && *value > *before.get(place).unwrap_or(&0) {
                *risen.entry(place.0.clone()).or_default() += 1;
            }
        }
        before = now;
        browser.listen(Duration::from_millis(50));
    }
    println!("both curves had risen twice {:?} after the start of the process", started.elapsed());
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    program.stop();
}

#[test]
fn the_curves_are_the_table_and_nothing_comes_from_elsewhere() {
    let Some(mut browser) = page("equal", WIDE) else { return };
    let program = Program::start(&test_dir("equal"), &["--set", "supplier.every=20 ms"]);
    let origin = format!("http://{}/", program.http);
    browser.open(&origin);
    // At least two windows that are over.
    let over = |drawn: &Value| {
        drawn["series"].as_array().is_some_and(|all| {
            all.len() == 2
                && all.iter().all(|series| series["points"].as_array().is_some_and(|points| points.len() >= 2))
        })
    };
    browser.wait("two windows", WAIT, DRAWN, over);
    pause(&program);
    let deadline = Instant::now() + WAIT;
    loop {
        browser.listen(Duration::from_millis(300));
        let table = http::get(&program.http, "/v1/tables/page_count").expect("it answers").json();
        let rows = table["rows"].as_array().expect("rows");
        let drawn = browser.evaluate(DRAWN);
        let points = points(&drawn);
        let mut wrong = Vec::new();
        for row in rows {
            let end = browser.evaluate(&format!("Date.parse({})", row[2])).as_i64().expect("a time");
            let key = row[0].as_str().expect("a page").to_owned();
            if points.get(&(key, end)).copied() != row[3].as_i64() {
                wrong.push(row.to_string());
            }
        }
        if wrong.is_empty() && !rows.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "not as the table says: {wrong:?}; drawn: {points:?}");
    }

    let elsewhere: Vec<&String> = browser.requests.iter().filter(|url| !url.starts_with(&origin)).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert!(browser.requests.iter().any(|url| url.ends_with("/assets/app.js")), "{:?}", browser.requests);
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    program.stop();
}

#[test]
fn what_is_published_is_told_and_what_is_bad_is_seen() {
    let Some(mut browser) = page("told", WIDE) else { return };
    let program = Program::start(&test_dir("told"), &[]);
    browser.open(&format!("http://{}/", program.http));
    browser.wait("live", WAIT, STATE, |state| state == "live");

    browser.wait("the form", WAIT, "!!document.querySelector('#publish-topic option')", |there| there == true);
    browser.evaluate("document.querySelector('form button').click()");
    let answer = "document.querySelector('form [role=status]').textContent";
    let told =
        |text: &Value| text.as_str().is_some_and(|text| text.contains("counted in") || text.contains("filtered"));
    browser.wait("what became of it", WAIT, answer, told);

    let bad = http::post_json(&program.http, "/v1/topics/R2/records", r#"{"records":[{"value":"hello"}]}"#);
    assert_eq!(bad.expect("it answers").status, 200);
    let refused = "document.querySelector('#refused')?.textContent ?? ''";
    let seen =
        |text: &Value| text.as_str().is_some_and(|text| text.contains("hello") && text.contains("page_count-dlq"));
    browser.wait("the bad record", WAIT, refused, seen);
    let before = browser.evaluate(DRAWN)["streamTime"].as_i64().expect("a time");
    browser.wait("counting goes on", WAIT, DRAWN, |drawn| drawn["streamTime"].as_i64() > Some(before));

    // The supplier pauses and resumes by its button.
    browser.evaluate("document.querySelector('.turn').click()");
    let notice = "document.querySelector('#query-page_count .notice')?.textContent ?? ''";
    browser.wait("the notice", WAIT, notice, |text| {
        text.as_str().is_some_and(|text| text.contains("The supplier is paused"))
    });
    browser.evaluate("document.querySelector('#query-page_count .notice button').click()");
    browser.wait("the notice goes", WAIT, notice, |text| text == "");
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
    program.stop();
}

#[test]
fn the_page_comes_back_by_itself_after_a_restart() {
    let Some(mut browser) = page("restart", NARROW) else { return };
    let dir = test_dir("page-restart");
    let program = Program::start(&dir, &[]);
    let (http, kafka) = (program.http.clone(), program.bootstrap.clone());
    browser.open(&format!("http://{http}/"));
    browser.wait("a curve", WAIT, DRAWN, |drawn| !points(drawn).is_empty());
    program.stop();
    browser.wait("reconnecting", WAIT, STATE, |state| state == "reconnecting");
    let before = browser.evaluate(DRAWN)["streamTime"].as_i64().expect("a time");

    let program = Program::start_with(&dir, &[], &kafka, &http, &[]);
    browser.wait("live again", WAIT, STATE, |state| state == "live");
    browser.wait("moving again", WAIT, DRAWN, |drawn| drawn["streamTime"].as_i64() > Some(before));
    program.kill9();
    browser.wait("reconnecting again", WAIT, STATE, |state| state == "reconnecting");
    let program = Program::start_with(&dir, &[], &kafka, &http, &[]);
    browser.wait("live once more", WAIT, STATE, |state| state == "live");
    program.stop();
}

#[test]
fn axe_finds_nothing() {
    let axe = std::fs::read_to_string(tests::root().join("crates/web/ui/node_modules/axe-core/axe.min.js"));
    let axe = axe.map_err(|error| format!("{error}; run `npm ci` in crates/web/ui"));
    let Some(axe) = testkit::require("axe-core", axe) else { return };
    let program = Program::start(&test_dir("axe"), &[]);
    for screen in [WIDE, NARROW] {
        let Some(mut browser) = page("axe", screen) else { return };
        browser.open(&format!("http://{}/", program.http));
        browser.wait("a curve", WAIT, DRAWN, |drawn| !points(drawn).is_empty());
        browser.evaluate(&format!("{axe}; 0"));
        let found =
            "axe.run(document).then(({violations}) => violations.map(({id, nodes}) => id + ' ' + nodes[0].target))";
        assert_eq!(browser.evaluate(found), serde_json::json!([]), "{} × {}", screen.width, screen.height);
    }
    program.stop();
}
