//! Settings from each source, their precedence, and what is refused.

use super::{Settings, SettingsSources, properties, split_set};

/// Loads one file and says what came of it: `name=value` lines sorted, then `! warning` lines, or `error: …`.
fn check(file: &str, text: &str, expected: &[&str]) {
    let sources = SettingsSources { file: Some((file.to_owned(), text.to_owned())), ..SettingsSources::default() };
    let got: Vec<String> = match Settings::load(&sources) {
        Ok((settings, warnings)) => settings
            .iter()
            .map(|(name, setting)| format!("{name}={}", setting.value))
            .chain(warnings.into_iter().map(|warning| format!("! {warning}")))
            .collect(),
        Err(error) => vec![format!("error: {error}")],
    };
    assert_eq!(got, expected, "{text}");
}

#[test]
fn the_exercises_own_file() {
    check(
        "application.properties",
        "spring.cloud.function.definition=pageEventConsumer;pageEventSupplier;pageEventFunction;kstreamFunction\n\
         spring.cloud.stream.bindings.pageEventConsumer-in-0.destination=R1\n\
         spring.cloud.stream.bindings.pageEventSupplier-out-0.destination=R2\n\
         spring.cloud.stream.bindings.pageEventFunction-in-0.destination=R2\n\
         spring.cloud.stream.bindings.pageEventFunction-out-0.destination=R3\n\
         spring.cloud.stream.bindings.kstreamFunction-in-0.destination=R2\n\
         spring.cloud.stream.bindings.kstreamFunction-out-0.destination=R4\n\
         spring.cloud.stream.poller.fixed-delay=100\n\
         spring.cloud.stream.kafka.binder.configuration.commit.interval.ms=1000\n",
        &[
            "commit.interval=1000 milliseconds",
            "function.definition=pageEventConsumer;pageEventSupplier;pageEventFunction;kstreamFunction",
            "supplier.every=100 milliseconds",
            "topic.R1=R1",
            "topic.R2=R2",
            "topic.R3=R3",
            "topic.R4=R4",
            "! application.properties:9: `spring.cloud.stream.kafka.binder.configuration.commit.interval.ms` is the channel \
             binder's prefix, which Kafka Streams ignores; it is applied here, but write \
             `spring.cloud.stream.kafka.streams.binder.configuration.commit.interval.ms`",
        ],
    );
}

#[test]
fn spring_keys() {
    let poller = "spring.cloud.stream.poller.fixedDelay=100\nspring.integration.poller.fixed-delay=200\n";
    check("a.properties", poller, &["supplier.every=200 milliseconds"]);
    let binding = "spring.cloud.stream.bindings.pageEventSupplier-out-0.producer.poller.fixed-delay=1s\n";
    check("a.properties", &format!("{binding}{poller}"), &["supplier.every=1s"]);
    check(
        "a.properties",
        "spring.cloud.stream.bindings.pageEventSupplier-out-0.destination=T2\n\
         spring.cloud.stream.bindings.kStreamFunction-in-0.destination=R2\n",
        &["error: these keys all set `topic.R2` and must agree:\n  \
           a.properties:1: spring.cloud.stream.bindings.pageEventSupplier-out-0.destination = T2\n  \
           a.properties:2: spring.cloud.stream.bindings.kStreamFunction-in-0.destination = R2\n\
           fix: give them the same value"],
    );
    check("a.properties", "server.port=8090\nwindow.size=10 s\n", &["server.port=8090", "window.size=10 s"]);
    check(
        "a.properties",
        "spring.cloud.stream.poller.fixd-delay=3\nspring.application.name=app1\nspring.x=1\n",
        &[
            "! a.properties:1: unknown key `spring.cloud.stream.poller.fixd-delay` is ignored; did you mean \
             `spring.cloud.stream.poller.fixed-delay`?",
            "! a.properties:2: `spring.application.name` has no effect: a query's group and application id are its own name",
            "! a.properties:3: unknown key `spring.x` is ignored",
        ],
    );
}

#[test]
fn toml_files() {
    check(
        "a.toml",
        "commit.interval = \"1 second\"\n[topic]\nR1 = \"T1\"\n[filter]\nmin = 50\n",
        &["commit.interval=1 second", "filter.min=50", "topic.R1=T1"],
    );
    check(
        "a.toml",
        "topic = [1]",
        &["error: a.toml: `topic` is a list or a date; a setting is text, a number, true or false"],
    );
    check("a.yml", "", &["error: a.yml: a configuration file ends in .toml or .properties"]);
}

#[test]
fn java_properties_syntax() {
    let check = |text: &str, expected: &[(&str, &str)]| {
        let got = properties::parse(text).map_err(|e| e.to_string());
        let got: Vec<_> = got.iter().flatten().map(|e| (e.key.as_str(), e.value.as_str())).collect();
        assert_eq!(got, expected, "{text:?}");
    };
    check("# c\n! c\n\na=b\n", &[("a", "b")]);
    check("a:b\nc d\n  e \t= f ", &[("a", "b"), ("c", "d"), ("e", "f ")]);
    check("a\\ b=c\\=d", &[("a b", "c=d")]);
    check("a=b, \\\n   c\nd", &[("a", "b, c"), ("d", "")]);
    check("a=b\\\\\nc=d", &[("a", "b\\"), ("c", "d")]);
    check("a=\\u00e9\\uD83D\\uDE00\\q", &[("a", "é😀q")]);
    check("a = = b", &[("a", "= b")]);
    check("a=x\\", &[("a", "x")]);
    assert!(properties::parse("a=\\u12").is_err());
}

#[test]
fn precedence() {
    let file = ("x.toml".to_owned(), "supplier.every='1 s'\nwindow.size='1 s'\nfilter.min=1".to_owned());
    let environment = vec![
        ("MILLSTREAM_SUPPLIER_EVERY".to_owned(), "2 s".to_owned()),
        ("MILLSTREAM_WINDOW_SIZE".to_owned(), "2 s".to_owned()),
    ];
    let set = vec!["supplier.every=3 s".to_owned()];
    let sources = SettingsSources { file: Some(file), environment, set };
    let (settings, _) = Settings::load(&sources).unwrap();
    let check = |name: &str, value: Option<&str>, origin: Option<&str>| {
        assert_eq!((settings.get(name), settings.origin(name).as_deref()), (value, origin));
    };
    check("supplier.every", Some("3 s"), Some("--set"));
    check("window.size", Some("2 s"), Some("environment variable MILLSTREAM_WINDOW_SIZE"));
    check("filter.min", Some("1"), Some("x.toml"));
    check("topic.R1", None, None);
}

#[test]
fn bad_set_arguments_are_refused() {
    for (argument, cause) in [("supplier.every", "there is no `=`"), ("=1", "no name"), ("a b=1", "but no ` `")] {
        let error = split_set(argument).unwrap_err().message;
        assert!(error.contains(cause) && error.contains("--set name=value"), "{error}");
    }
    let (settings, _) =
        Settings::load(&SettingsSources { set: vec!["suplier.every=1".to_owned()], ..Default::default() }).unwrap();
    let unused = settings.unused(&["supplier.every".to_owned()].into());
    assert_eq!(unused[0].message, "unknown setting `suplier.every` (--set); did you mean `supplier.every`?");
}

#[test]
fn function_definition_chooses_statements() {
    let check = |definition: &str, started: &[&str], warned: bool| {
        let mut settings = Settings::default();
        settings.set("function.definition", definition, "test");
        let (chosen, warnings) = settings.function_definition();
        let chosen = chosen.unwrap();
        let all = ["page_event_consumer", "page_event_supplier", "page_event_function", "page_count", "page_visits"];
        let got: Vec<_> = all.into_iter().filter(|statement| chosen.starts(statement)).collect();
        assert_eq!(got, started, "{definition}");
        assert!(chosen.starts("published") && chosen.starts("analytics"));
        assert_eq!(!warnings.is_empty(), warned, "{warnings:?}");
    };
    check("pageEventConsumer; kStreamFunction", &["page_event_consumer", "page_count", "page_visits"], false);
    check("pageEventSupplier|kstreamFunction", &["page_event_supplier", "page_count", "page_visits"], false);
    check("pageEventFonction", &[], true);
}

#[test]
fn typed_values() {
    let check = |text: &str, expected: Result<i64, &str>| {
        let mut settings = Settings::default();
        settings.set("commit.interval", text, "--set");
        assert_eq!(
            settings.duration_ms("commit.interval", 100).map_err(|e| e.message).as_ref(),
            expected.map_err(str::to_owned).as_ref()
        );
    };
    check("1 second", Ok(1000));
    check("250", Ok(250));
    let bad = "`commit.interval` is `soon` (--set), which is not a duration, e.g. `100 ms` or `1 second`; a bare number is ms";
    check("soon", Err(bad));
    assert_eq!(Settings::default().duration_ms("commit.interval", 100), Ok(100));
}

#[test]
fn settings_of_a_text() {
    let mut settings = Settings::default();
    settings.set("topic.R1", "T1", "--set");
    settings.set("topic.R2", "T2", "--set");
    let of = settings.for_text("WITH (topic = '${topic.R1:R1}', x = '${topic.R3:R3}')", &[]);
    assert_eq!(of.names().collect::<Vec<_>>(), ["topic.R1"]);
    let first = [("topic.R1".to_owned(), "X".to_owned())];
    assert_eq!(settings.for_text("'${topic.R1:R1}'", &first).get("topic.R1").map(|(value, _)| value), Some("X"));
}
