//! What any text may do to this crate: be refused. The entry point of the fuzz target, which tests replay.

use crate::{Bound, Catalog, Settings, bind, parse, parse_canonical};

/// Parses, binds and plans `bytes` as a text of statements. Panics if what is parsed does not read back from its
/// logged form, or if a plan is malformed; must not panic otherwise. Any bytes will do.
pub fn fuzz_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = crate::setting_uses(text);
    let Ok(statements) = parse("fuzz", text, &Settings::new()) else { return };
    let mut catalog = Catalog::new();
    for statement in statements {
        match parse_canonical("fuzz", &statement.text).as_deref() {
            Ok([again]) => assert_eq!(again.canonical, statement.canonical, "{}", statement.text),
            other => panic!("{:?} reads back as {other:?}", statement.text),
        }
        match bind(&statement, &catalog) {
            Ok(Bound::Create { object, .. }) => {
                let name = object.name.clone();
                catalog.insert(*object);
                if let Some(plan) = catalog.topology_of(&name)
                    && let Err(error @ engine::plan::PlanError::Malformed { .. }) = plan.topology.check()
                {
                    panic!("{}: {error}", statement.text);
                }
            }
            Ok(Bound::Drop { name: Some(name), .. }) => {
                catalog.remove(&name);
            }
            Ok(_) => {}
            Err(problem) => assert!(!problem.render().is_empty()),
        }
    }
}
