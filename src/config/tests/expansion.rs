//! Definitions, repetitions, conditions and includes: each rule as keepalived 2.2.7 was seen to keep it.

use std::path::Path;

use super::{Code, Context, Severity, Texts, brief, keepalived, load, only};

/// The words that the reader met outside all blocks, none of which exist: what the language made of the text.
fn words(text: &str) -> String {
    let loaded = keepalived(text);
    let words = loaded.report.diagnostics().iter().filter_map(|diagnostic| {
        let word = diagnostic.message.strip_prefix("unknown word `")?.strip_suffix('`')?;
        Some(word.to_owned())
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The same in a block, where unknown words are not told together, and in the order of the alphabet, since remarks stand in
/// the order of the text that they are about.
fn made(text: &str) -> String {
    sorted(&words(&format!("global_defs {{\n{text}\n}}\n")))
}

fn sorted(words: &str) -> String {
    let mut words: Vec<_> = words.split(' ').collect();
    words.sort_unstable();
    words.join(" ")
}

#[test]
fn each_rule_as_keepalived_keeps_it() {
    for (text, expected) in [
        ("~SEQ(x,1,3) K${x}", "K1 K2 K3"),
        ("~SEQ(x, 3) K${x}", "K1 K2 K3"),
        ("~SEQ(x,1,2,6) K${x}", "K1 K3 K5"),
        ("~SEQ(x,5,-2,1) K${x}", "K5 K3 K1"),
        ("~SEQ(x,5,3) K${x}", "K5 K4 K3"),
        ("~SEQ (x,1,2) K${x}", "K1 K2"),
        ("~SEQx(x,8,2,14) K${x}", "K8 Ka Kc Ke"),
        ("~SEQx(x,0x8,0x2,0x12) K${x}", "K8 Ka Kc Ke K10 K12"),
        ("~SEQ(x,1,2)~SEQ(y,3,4) K${x}_${y}", "K1_3 K1_4 K2_3 K2_4"),
        (" ~SEQ(x,1,2) ~SEQ(y,3,4) K${x}_${y}", "K1_3 K1_4 K2_3 K2_4"),
        ("$N=3\n~SEQ(x,1,$N) K${x}\n~SEQ(x,1,${N}) L${x}", "K1 K2 K3 L1 L2 L3"),
        ("~SEQ(x,1,3)~SEQ(y,1,${x}) K${x}${y}", "K11 K21 K22 K31 K32 K33"),
        ("~LST(x,a,b, c) K${x}", "Ka Kb Kc"),
        ("~LST({x, y},{1, 2}, {3,4}) K${x}_${y}", "K1_2 K3_4"),
        ("~LST({x,y},{1,2},{3}) K${x}${y}", "K12 K3"),
        ("~LST(x,a,,b) K${x}|", "Ka| K| Kb|"),
        ("$L=a,b\n~LST(x,$L) K${x}", "Ka,b"),
        ("~SEQ(x,1,2) K${x}\nL${x}\n$x=9\n~SEQ(x,1,2) M${x}\nN${x}", "K1 K2 L2 M1 M2 N2"),
        ("$B=1\n$A1=Kfoo\n${A${B}}", "Kfoo"),
        ("$M= \\\n  Ka \\\n  @lb2 Kb \\\n  @lb1 Kc \\\n $X=5 \\\n Kd${X}\n$M\nKe${X}", "Ka Kc Kd5 Ke5"),
        ("$M= \\\n  Ka \\\n Kb\n$N= \\\n Kc \\\n $M \\\n Kd\n${N}", "Kc Ka Kb Kd"),
        ("$M=Ka \\\n Kb\n$M", "Ka Kb"),
        ("$M= \\\n $N= \\\\\n Ka \\\n Kb\n$M\n$N", "Kb Ka"),
        ("$A=${B}\n$B=Kb\n$A\n$B=Kc\n$A", "Kb Kc"),
        ("$M= \\\n Ka${x} \\\n Kb${x}\n~SEQ(x,1,2) $M", "Ka1 Kb1 Ka2 Kb2"),
        ("@lb1 $X=Ka\n$X\n@lb1 ~SEQ(x,1,2) Kb${x}\n~SEQ(x,1,2) @lb1 Kc${x}\n~SEQ(x,1,2) @lb2 Kd", "Ka Kb1 Kb2 Kc1 Kc2"),
        ("@lb2 $X= \\\n Ka \\\n Kb\nKc", "Kc"),
        ("@^lb1 Ka\n@^lb2 Kb\n@ Kc", "Kb"),
        ("$Y=~SEQ(x,1,2)\n$Y Kb${x}", "Kb1 Kb2"),
        ("$Z=$W=Kc\n$Z\n$W", "Kc"),
        ("$X=@lb2\n$X Ka\nKb", "Kb"),
        ("K${_INSTANCE}", "Klb1"),
        ("K${_RANDOM 5 5}", "K5"),
        ("$C=Ka # comment\n$C", "Ka"),
        ("$A= \nK${A}|", "K|"),
        ("K${_HASH}a # x\nL${_BANG}a ! x", "K#a L!a"),
        ("${_ENV VIP}", "192.0.2.9"),
    ] {
        assert_eq!(made(text), sorted(expected), "{text}\n{}", keepalived(text).report.render(false));
    }
}

#[test]
fn a_repetition_that_makes_no_sense_is_left_out() {
    for text in [
        "~SEQ(a) K",
        "~SEQ(a,b) K",
        "~SEQ(,1) K",
        "~SEQ(a,1,0,2) K",
        "~SEQ(a,3,1,1) K",
        "~SEQ(a,1,1,2,3) K",
        "~SEQ(a,1 K",
        "~SEQ(a,1,99999999999) K",
        "~SEQ(a,-9223372036854775807,9223372036854775807) K",
        "~LST(a) K",
        "~LST(x,\"b c\") K",
        "~LST(x,a b) K",
        "~LST({x,y},1) K",
        "~LST({x,y},{1,2,3}) K",
    ] {
        let loaded = keepalived(text);
        assert_eq!(only(&loaded, Code::BadValue).severity, Severity::Warning, "{text}");
        assert_eq!(words(text), "", "{text}");
    }
}

#[test]
fn random_numbers_are_the_same_for_the_same_seed() {
    let three = "A${_RANDOM}\nB${_RANDOM 1 6}\nC${_RANDOM 7}";
    let first = made(&format!("random_seed 1\n{three}"));
    assert_eq!(first, made(&format!("random_seed 1\n{three}")));
    assert_ne!(first, made(&format!("random_seed 2\n{three}")));
    for (word, range) in first.split(' ').zip([0..=32_767, 1..=6, 7..=32_767]) {
        assert!(range.contains(&word[1..].parse().unwrap()), "{first}");
    }
}

#[test]
fn bombs_are_refused() {
    let loaded = keepalived("~SEQ(a,1,1000)~SEQ(b,1,1000)~SEQ(c,1,1000) @x y\n");
    assert_eq!(loaded.config, None);
    assert_eq!(only(&loaded, Code::Hopeless).severity, Severity::Error);
    let loaded = keepalived("$A= \\\n ${A} \\\n ${A}\nvrrp_script x {\n$A\n}\n");
    assert_eq!(only(&loaded, Code::Expansion).severity, Severity::Error);
}

#[test]
fn a_remark_shows_the_way_that_the_text_took() {
    let template = "$PRIO=300\n$VRRP= \\\nvrrp_instance A { \\\n interface eth0 \\\n virtual_router_id 7 \\\n priority ${PRIO} \\\n \
                    virtual_ipaddress { \\\n 192.0.2.${LAST}${LAST} \\\n } \\\n}\n~LST(LAST,1) $VRRP\nvrrp_script x {\nweight $PRIO\n}\n";
    let files = Texts::new([("main.conf", b"include a.conf\n"), ("a.conf", template.as_bytes())]);
    let loaded = load(Path::new("main.conf"), None, &files, &Context::default());
    insta::assert_snapshot!("expansion-way", loaded.report.render(false));
}

#[test]
fn a_password_out_of_a_variable_is_shown_nowhere() {
    let text = "$PASS=hunter2hunter2\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n192.0.2.1\n}\n\
                authentication {\nauth_type PASS\nauth_pass ${PASS}\n}\n}\n";
    let loaded = keepalived(text);
    let shown = loaded.report.render(false);
    assert!(shown.contains("C403") && !shown.contains("hunter"), "{shown}");
}

#[test]
fn includes_insist_as_they_say() {
    let check = |line: &str| {
        let files = Texts::new([
            ("etc/main.conf", format!("$F=a\n{line}\n").as_bytes()),
            ("etc/a.conf", b"vrrp_script a {\nscript x\n}\n"),
            ("etc/with blank.conf", b"vrrp_script a {\nscript x\n}\n"),
        ]);
        let loaded = load(Path::new("etc/main.conf"), None, &files, &Context::default());
        let said: Vec<_> = loaded.report.diagnostics().iter().filter(|said| said.code != Code::Idle).collect();
        said.iter().map(|said| format!("{} {}", said.severity, said.code)).collect::<Vec<_>>().join(", ")
    };
    for (line, expected) in [
        ("include a.conf # why", ""),
        ("include \"a.conf\"", ""),
        ("include with blank.conf", ""),
        ("include ${F}.conf", ""),
        ("@^x include a.conf", ""),
        ("include gone.conf", "warning C106"),
        ("includer gone.conf", "warning C106"),
        ("includem gone.conf", "error C101"),
        ("includew gone.conf", "error C101"),
        ("includeb gone.conf", "warning C106"),
        ("includea gone.conf", "error C101"),
        ("include gone*.conf", "note C106"),
        ("includem gone*.conf", "note C106"),
        ("includew gone*.conf", "error C106"),
        ("includeb gone*.conf", "note C106"),
        ("includea gone*.conf", "error C106"),
        ("include", "warning C306"),
        ("includer", "error C306"),
    ] {
        let said = check(line);
        let said = said.replace("error C107", "").trim_matches([',', ' ']).to_owned();
        assert_eq!(said, expected, "{line}");
    }
    let said = check("global_defs {\ninclude_check +wildcard_match\n}\ninclude gone*.conf\ninclude gone.conf");
    assert!(said.contains("error C106") && said.contains("warning C106"), "{said}");
}

#[test]
fn what_a_variable_holds_is_told_where_it_is_used() {
    let loaded = keepalived("$A=1\n$B=${A}x\nvrrp_script x {\nscript y\nweight ${B}\n}\n");
    let said = loaded.report.diagnostics().iter().find(|said| said.code == Code::BadValue).unwrap();
    let places: Vec<_> =
        said.primary.iter().chain(&said.secondary).map(|label| loaded.report.files().slice(label.span)).collect();
    assert_eq!(places, ["${B}", "${A}", "1"], "{:?}", brief(&loaded));
}

#[test]
fn prose_is_told_in_one_remark() {
    let prose =
        "This is how to install it.\nFirst of all, copy the file.\n\n# no\nThen restart the service.\nThat is all.\n";
    let script = "vrrp_script x {\nscript y\n}\n";
    let loaded = keepalived(&format!("{prose}{script}priorty 5\nstate MASTER\n{script}"));
    let found: Vec<_> = brief(&loaded).into_iter().filter(|said| said.contains(" C30")).collect();
    assert_eq!(found, ["warning C301 1:1", "warning C301 10:1", "warning C302 11:1"]);
    let said = loaded.report.diagnostics().iter().find(|said| said.code == Code::UnknownWord).unwrap();
    assert!(said.message.starts_with("4 lines"), "{}", said.message);
}

/// A variable holds from its definition on; one that comes later is no template's.
#[test]
fn variables_that_are_defined_below_their_use() {
    let router = "vrrp_instance A {\ninterface eth0\nvirtual_router_id $ID\nvirtual_ipaddress {\n192.0.2.1/24\n}\n}\n";
    let told = |text: &str| {
        let loaded = keepalived(text);
        let said = only(&loaded, Code::Placeholder);
        let places = said.primary.iter().chain(&said.secondary).map(|label| loaded.report.files().position(label.span));
        let places: Vec<_> = places.map(|at| (at.line, at.column)).collect();
        assert!(!loaded.is_runnable());
        (places, said.help.join("\n"))
    };
    let (places, help) = told(&format!("{router}$ID=7\n"));
    assert_eq!(places, [(3, 19), (8, 1)]);
    assert!(help.contains("move `$ID=...` above"), "{help}");
    // It is above, and its name does not end where it seems to.
    let (places, help) = told(&format!("$ID=7\n{}", router.replace("$ID", "$ID.1")));
    assert_eq!(places, [(4, 19), (1, 1)]);
    assert!(help.contains("write `${ID}`"), "{help}");
    let (places, help) = told(router);
    assert_eq!(places, [(3, 19)]);
    assert!(help.contains("template"), "{help}");
    // One remark for all turns of a repetition, and none that the file is of another kind.
    let text = "~LST({n},{A},{B},{C}) $INST\n$INST= \\\nvrrp_instance $n { \\\ninterface eth0 \\\n}\n";
    let (places, _) = told(text);
    assert_eq!(places, [(1, 23), (2, 1)]);
    let said = keepalived(text);
    assert!(
        said.report.diagnostics().iter().all(|said| said.code == Code::Placeholder || said.code == Code::Idle),
        "{:?}",
        brief(&said)
    );
}
