//! Checks of web servers: what each word and key means, who inherits from whom, and what is said of slips.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Code, Context, Loaded, Texts, brief, keepalived, only, toml};
use crate::config::convert;
use crate::model::{Check, CheckKind, Expression, ExpressionOptions, HttpProbe, HttpVersion, Identity, Page, Tls};

fn conf(before: &str, service: &str, server: &str, check: &str) -> String {
    format!(
        "{before}virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlvs_method NAT\n{service}real_server 10.0.0.1 80 {{\n{server}{check}\n}}\n}}\n"
    )
}

/// A check in keepalived.conf; nothing may be said of it.
#[track_caller]
fn theirs(text: &str) -> Check {
    let loaded = keepalived(text);
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{text}\n{}", loaded.report.render(false));
    loaded.config.unwrap().services.remove(0).servers.remove(0).checks.remove(0)
}

/// The same in our own language.
#[track_caller]
fn ours(check: &str) -> Check {
    let text = format!(
        "[[service]]\naddress = \"192.0.2.1:80\"\nserver = [{{ address = \"10.0.0.1:80\", check = {check} }}]\n"
    );
    let loaded = toml(&text);
    assert_eq!(brief(&loaded), Vec::<String>::new(), "{text}\n{}", loaded.report.render(false));
    loaded.config.unwrap().services.remove(0).servers.remove(0).checks.remove(0)
}

#[track_caller]
fn http(check: &Check) -> &HttpProbe {
    let CheckKind::Http(probe) = &check.kind else { panic!("{check:?}") };
    probe
}

#[test]
fn both_languages_say_the_same() {
    let all = theirs(&conf(
        "SSL {\npassword secret\nca /etc/ca.pem\ncertificate /etc/client.pem\nkey /etc/client.key\n}\n",
        "",
        "",
        "SSL_GET {\nhttp_protocol 1.1\nvirtualhost www.example.net\nsni_name sni.example.net\nverify\ntls_compliant\n\
         connect_port 8443\nconnect_timeout 2\nretry 4\ndelay_before_retry 2\nurl {\npath /one\nstatus_code 200 300-302\n\
         digest 5EB63BBBE01EEED093CB22BB8F5ACDC3\n}\nurl {\npath two\nvirtualhost other.example.net\nregex \"^ok: \\\\d+$\"\n\
         regex_no_match\nregex_options caseless multiline\nregex_min_offset 3\nregex_max_offset 9\ntls_compliant off\n}\n}",
    ));
    let same = ours(
        "{ http = { host = 'www.example.net', port = 8443, timeout = '2s', tls = { server-name = 'sni.example.net', \
         authorities = '/etc/ca.pem', certificate = '/etc/client.pem', key = '/etc/client.key', password = 'secret' }, \
         pages = [{ path = '/one', status = [200, '300-302'], digest = '5eb63bbbe01eeed093cb22bb8f5acdc3', orderly-close = true }, \
         { path = '/two', host = 'other.example.net', regex = '^ok: \\d+$', no-match = true, \
         regex-options = ['caseless', 'multiline'], min-offset = 3, max-offset = 9 }] }, retry = 4, retry-interval = '2s' }",
    );
    assert_eq!(all, same);
    let probe = http(&all);
    assert_eq!(all.timeout, Duration::from_secs(2));
    assert_eq!(probe.version, HttpVersion::V1_1);
    assert_eq!(probe.host.as_deref(), Some("www.example.net"));
    let identity = Identity {
        certificate: "/etc/client.pem".to_owned(),
        key: Some("/etc/client.key".to_owned()),
        password: Some("secret".to_owned()),
    };
    let tls = Tls {
        server_name: Some("sni.example.net".to_owned()),
        named_by_host: true,
        verify: true,
        authorities: Some("/etc/ca.pem".to_owned()),
        identity: Some(Box::new(identity)),
    };
    assert_eq!(probe.tls, Some(tls));
    assert!(!format!("{probe:?}").contains("secret"));
    let one = Page {
        path: "/one".to_owned(),
        statuses: vec![(200, 200), (300, 302)],
        digest: Some(0x5eb6_3bbb_e01e_eed0_93cb_22bb_8f5a_cdc3_u128.to_be_bytes()),
        orderly_close: true,
        ..Page::default()
    };
    let expression = Expression {
        pattern: "^ok: \\d+$".to_owned(),
        options: ExpressionOptions { caseless: true, multiline: true, ..ExpressionOptions::default() },
        unwanted: true,
        least_offset: 3,
        most_offset: Some(9),
    };
    let two = Page {
        path: "/two".to_owned(),
        host: Some("other.example.net".to_owned()),
        expression: Some(Box::new(expression)),
        ..Page::default()
    };
    assert_eq!(probe.pages, [one, two]);
    assert_eq!(all.kind.to_string(), "HTTPS 10.0.0.1:8443/one and 1 more");
}

#[test]
fn what_is_not_written_is_as_in_keepalived() {
    let plain = theirs(&conf("", "", "", "HTTP_GET {\nurl {\npath /\n}\n}"));
    assert_eq!(plain.retry_interval, Duration::from_secs(3));
    assert_eq!(plain.retry, 1);
    assert_eq!(
        *http(&plain),
        HttpProbe { version: HttpVersion::V1_0, ..HttpProbe::new(plain.kind.connect().unwrap().clone()) }
    );
    let kind = CheckKind::Http(Arc::new(HttpProbe { version: HttpVersion::V1_1, ..http(&plain).clone() }));
    assert_eq!(ours("{ http = {} }"), Check { kind, ..plain.clone() });
    // Nobody looks at a certificate, and nobody is told a name.
    let secure = theirs(&conf("", "", "", "SSL_GET {\nurl {\npath /\n}\n}"));
    assert_eq!(http(&secure).tls, Some(Tls::default()));
    assert_eq!(
        http(&ours("{ http = { version = '1.0', tls = { server-name = false, verify = false } } }")).tls,
        Some(Tls::default())
    );
    let careful = Tls { named_by_host: true, verify: true, ..Tls::default() };
    assert_eq!(http(&ours("{ http = { tls = true } }")).tls, Some(careful));
    assert_eq!(http(&ours("{ http = { tls = false } }")).tls, None);
}

#[test]
fn the_innermost_host_counts() {
    let host = |service: &str, server: &str, check: &str, url: &str| {
        let say = |name: &str| if name.is_empty() { String::new() } else { format!("virtualhost {name}\n") };
        let check = format!("HTTP_GET {{\n{}url {{\npath /\n{}}}\n}}", say(check), say(url));
        let check = theirs(&conf("", &say(service), &say(server), &check));
        let probe = http(&check);
        probe.host_of(&probe.pages[0]).map(str::to_owned)
    };
    assert_eq!(host("", "", "", ""), None);
    assert_eq!(host("a", "", "", "").as_deref(), Some("a"));
    assert_eq!(host("a", "b", "", "").as_deref(), Some("b"));
    assert_eq!(host("a", "b", "c", "").as_deref(), Some("c"));
    assert_eq!(host("a", "b", "c", "d").as_deref(), Some("d"));
}

/// As keepalived 2.2.7 hands it to PCRE2.
#[test]
fn expressions_are_cut_as_keepalived_cuts_them() {
    for (written, pattern) in [
        ("\"a\\\\d+\\\\.b[x\\x41] \\\"q\\\" e\"", "a\\d+\\.b[xA] \"q\" e"),
        ("'single \\\\d quotes'", "single \\d quotes"),
        ("bare\\\\d", "bare\\d"),
        ("ok", "ok"),
        ("\"{\\\"status\\\": ?\\\"ok\\\"}\"", "{\"status\": ?\"ok\"}"),
    ] {
        let check = theirs(&conf("", "", "", &format!("HTTP_GET {{\nurl {{\npath /\nregex {written}\n}}\n}}")));
        let page = &http(&check).pages[0];
        assert_eq!(page.expression.as_ref().unwrap().pattern, pattern, "{written}");
    }
}

fn slips(words: &str) -> Vec<String> {
    brief(&keepalived(&conf("", "", "", words)))
}

#[test]
fn slips_are_told_and_the_rest_holds() {
    let url = |words: &str| format!("HTTP_GET {{\nurl {{\npath /\n{words}\n}}\n}}");
    for (words, expected) in [
        (url("status_code 200 99 300-200"), &["warning C401 8:17", "warning C401 8:20"][..]),
        (url("status_code abc"), &["warning C401 8:13"]),
        (url("status_code 599 600"), &["warning C401 8:17"]),
        (url("digest xyz"), &["warning C401 8:8"]),
        (url("digest 5eb63bbbe01eeed093cb22bb8f5acdcg"), &["warning C401 8:8"]),
        (url("regex a(b"), &["warning C405 8:8"]),
        (url("regex \"xy(?=b)\""), &["note C405 8:8"]),
        (url("regex \"xy(?R)\""), &["warning C405 8:12"]),
        (url("regex a\nregex_min_offset 5\nregex_max_offset 4"), &["warning C401 10:18"]),
        (url("regex a\nregex_min_offset 5\nregex_max_offset 5"), &[]),
        (url("regex a b"), &["warning C307 8:9"]),
        (url("regex_no_match"), &["warning C510 8:1"]),
        (url("regex a\nregex_options caseles utf foo"), &["warning C401 9:15", "warning C401 9:27"]),
        (url("regex a\nregex_options no_auto_possess"), &["note C304 9:15"]),
        // What it changes is what a reference means to a group that has matched nothing.
        (url("regex a\nregex_options match_unset_backref"), &["note C304 9:15"]),
        (url("regex \"(a)(?=b)\"\nregex_options utf match_unset_backref"), &["note C405 8:8", "note C304 9:19"]),
        (url("regex \"(a)?\\\\1\"\nregex_options utf match_unset_backref"), &["warning C405 9:19"]),
        (url("regex_options match_unset_backref\nregex \"(?<n>a)?\\\\k<n>\""), &["warning C405 8:15"]),
        (url("regex \"(a)?(?=\\\\g{1})\"\nregex_options match_unset_backref"), &["warning C405 8:7"]),
        (url("regex \"(?<n>a)?(?P=n)\"\nregex_options match_unset_backref"), &["warning C405 9:15"]),
        (url("regex_options match_unset_backref"), &["warning C510 8:1"]),
        (url("regex a\nregex_stack 100 200"), &["note C304 9:1"]),
        (url("regex_min_offset -1"), &["warning C510 8:1", "warning C401 8:18"]),
        ("HTTP_GET {\nurl {\nstatus_code 200\n}\n}".to_owned(), &["warning C404 5:1", "warning C404 6:1"]),
        ("HTTP_GET {\n}".to_owned(), &["warning C404 5:1"]),
        ("HTTP_GET".to_owned(), &["warning C205 5:1"]),
        ("HTTP_GET {\nenable_sni\nurl {\npath /\n}\n}".to_owned(), &["warning C510 6:1"]),
        ("HTTP_GET {\nhttp_protocol 2.0\nurl {\npath /\n}\n}".to_owned(), &["warning C401 6:15"]),
        ("HTTP_GET {\nfast_recovery\nurl {\npath /\n}\n}".to_owned(), &["note C304 6:1"]),
        ("HTTP_GET {\nnb_get_retry 2\nurl {\npath /\n}\n}".to_owned(), &[]),
        ("SSL_GET {\nverify ca.pem\nurl {\npath /\n}\n}".to_owned(), &["warning C401 6:8"]),
        ("HTTP_GET {\nurl {\npath\n}\n}".to_owned(), &["warning C404 5:1", "warning C404 6:1", "error C306 7:1"]),
    ] {
        assert_eq!(slips(&words), expected, "{words}");
    }
    let unset = "regex \"^(a)?\\\\1ok\"\nregex_no_match\nregex_options match_unset_backref";
    let loaded = keepalived(&conf("", "", "", &url(unset)));
    assert_eq!(http(&loaded.config.unwrap().services[0].servers[0].checks[0]).pages, [Page::default()]);
    let loaded = keepalived(&conf("", "", "", &url("status_code 99\ndigest x\nregex a(")));
    let page = http(&loaded.config.unwrap().services[0].servers[0].checks[0]).pages.clone();
    assert_eq!(page, [Page::default()]);
}

#[test]
fn slips_in_toml_are_errors() {
    for (keys, expected) in [
        ("path = 'x'", &["error C401 4:23"][..]),
        ("status = 99", &["error C401 4:25"]),
        ("status = ['200-100', 200]", &["error C401 4:26"]),
        ("digest = 'x'", &["error C401 4:25"]),
        ("regex = 'ab(c'", &["error C405 4:27"]),
        ("regex = \"\\\\d(?<=b)\"", &["note C405 4:24"]),
        ("regex = \"\\\\d(?R)\"", &["error C405 4:30"]),
        ("no-match = true", &["error C404 4:16"]),
        ("regex = 'a', regex-options = ['caseles']", &["error C401 4:46"]),
        ("pages = []", &["error C401 4:24"]),
        ("pages = [{}], path = '/'", &["error C512 4:30"]),
        ("tls = { key = '/x' }", &["error C404 4:24"]),
        ("tls = { authorities = 'x' }", &["error C401 4:38"]),
        ("tls = 1", &["error C401 4:22"]),
        ("bogus = 1", &["error C301 4:16"]),
    ] {
        let text = format!(
            "[[service]]\naddress = \"192.0.2.1:80\"\n[service.check]\nhttp = {{       {keys} }}\n[[service.server]]\naddress = \"10.0.0.1:80\"\n"
        );
        assert_eq!(brief(&toml(&text)), expected, "{text}");
    }
    let both = "[[service]]\naddress = \"192.0.2.1:80\"\ncheck = { tcp = {}, http = {} }\nserver = [{ address = \"10.0.0.1:80\" }]\n";
    assert_eq!(brief(&toml(both)), ["error C401 3:28"]);
}

/// The offending part is what is underlined.
#[test]
fn an_expression_is_shown_where_it_is_wrong() {
    let shown = |loaded: &Loaded| {
        let said = only(loaded, Code::Expression);
        loaded.report.files().slice(said.primary.as_ref().unwrap().span).to_owned()
    };
    let theirs =
        |regex: &str| keepalived(&conf("", "", "", &format!("HTTP_GET {{\nurl {{\npath /\nregex {regex}\n}}\n}}")));
    assert_eq!(shown(&theirs("\"ab[z-a]\"")), "z-a");
    assert_eq!(shown(&theirs("\"ab(?!x\"")), "(?!");
    // Where it is not written as it reads, the whole.
    assert_eq!(shown(&theirs("\"(a)\\\\2\"")), "\"(a)\\\\2\"");
}

#[test]
fn conversion_keeps_all_of_it() {
    let text = conf(
        "SSL {\ncertificate /etc/client.pem\n}\n",
        "virtualhost v.example\n",
        "",
        "SSL_GET {\nenable_sni\nurl {\npath /one\ndigest 5eb63bbbe01eeed093cb22bb8f5acdc3\n}\nurl {\npath /two\n\
         regex \"say \\\"ok\\\"\"\nstatus_code 204\n}\n}\nHTTP_GET {\nurl {\npath /\n}\n}",
    );
    let context = Context { config_id: "lb1".to_owned() };
    let converted = convert(
        Path::new("test.conf"),
        crate::config::Language::Keepalived,
        &Texts::new([("test.conf", text.as_bytes())]),
        &context,
    );
    let document = converted.text.unwrap();
    assert_eq!(converted.lost, Vec::<String>::new(), "{document}");
    assert_eq!(toml(&document).config, keepalived(&text).config, "{document}");
    assert!(document.contains("digest = \"5eb63bbbe01eeed093cb22bb8f5acdc3\""), "{document}");
}
