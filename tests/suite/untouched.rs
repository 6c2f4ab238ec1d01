//! No verb changes the old server: every byte, mode, owner and date is the same afterwards.

use crate::support::{Laid, atelier, first_change, snapshot, unqmail};

#[test]
fn no_verb_touches_the_bundled_site() {
    let laid = Laid::larch();
    let before = snapshot(&laid.site);
    let look = |verb: &str| {
        let changed = first_change(&before, &snapshot(&laid.site));
        assert_eq!(changed, None, "{verb}");
    };
    for format in ["text", "json", "csv"] {
        assert_eq!(laid.plan(&["--format", format]).code, 0);
        look("plan");
    }
    assert_eq!(laid.explain(&["adam@larch.example", "news@larch.example"]).code, 0);
    look("explain");
    assert_eq!(laid.migrate(&[]).code, 0);
    look("migrate");
    assert_eq!(laid.migrate(&[]).code, 0);
    look("the second migrate");
    assert_eq!(laid.verify(&[]).code, 0);
    look("verify");
}

#[test]
fn a_target_inside_the_site_is_left_out_of_all_reading() {
    let laid = Laid::larch();
    let before = snapshot(&laid.site);
    let inside = laid.site.join("srv/new");
    let site = laid.site.to_str().unwrap();
    let (inside, config) = (inside.to_str().unwrap(), laid.config.to_str().unwrap());
    for _ in 0..2 {
        let ran = unqmail(["migrate", site, inside, "--config", config]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let ran = unqmail(["verify", site, inside, "--config", config]);
        assert_eq!(ran.code, 0, "{}", ran.all());
    }
    let mut after = snapshot(&laid.site);
    after.retain(|path, _| !path.starts_with("srv") && !path.as_os_str().is_empty());
    let mut before = before;
    before.retain(|path, _| !path.as_os_str().is_empty());
    assert_eq!(first_change(&before, &after), None);
}

#[test]
fn no_verb_touches_the_real_site() {
    let Some(atelier) = atelier() else { return };
    let before = snapshot(&atelier.site);
    let target = crate::support::scratch();
    let (site, config) = (atelier.site.to_str().unwrap(), atelier.config.to_str().unwrap());
    let target = target.path().join("t");
    let target = target.to_str().unwrap();
    for args in [
        vec!["plan", site],
        vec!["explain", site, "accueil@atelier-dupont.example"],
        vec!["migrate", site, target],
        vec!["verify", site, target],
    ] {
        let ran = unqmail([&args[..], &["--config", config]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.all());
        assert_eq!(first_change(&before, &snapshot(&atelier.site)), None, "{args:?}");
    }
}
