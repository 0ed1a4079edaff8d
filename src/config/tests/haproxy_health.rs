//! haproxy's checks over HTTP: what each word becomes, and what is said of the rest.

use super::haproxy::of;

/// The check of a `listen` with these lines and one server, which is written so; and every remark.
fn check(lines: &str, server: &str) -> (String, Vec<String>) {
    let text = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\nlisten web\n \
         bind 192.0.2.1:80\n{lines} server a 10.0.0.1:80 {server}\n"
    );
    let (document, said) = of(&text, &[]);
    let mut found = document.lines().filter_map(|line| line.strip_prefix("check = ")).map(|line| {
        let timing = ", interval = \"2s\", retry = 2, retry-interval = \"2s\", rise = 2 }";
        let own = line.strip_suffix(timing).unwrap_or_else(|| panic!("{line}\n{said:#?}"));
        own.strip_prefix("{ ").unwrap().replace(" timeout = \"2s\",", "").replace(", timeout = \"2s\"", "")
    });
    (found.next().unwrap_or_else(|| panic!("{document}\n{said:#?}")), said)
}

#[test]
fn lines_and_what_they_become() {
    let get = " option httpchk GET /health\n";
    let usual = "version = \"1.0\", path = \"/health\"";
    for (lines, server, expected) in [
        (get.to_owned(), "check", format!("http = {{ {usual}, status = \"200-399\" }}")),
        (
            " option httpchk HEAD /x HTTP/1.1\\r\\nHost:\\ www.example.net\n".to_owned(),
            "check",
            "http = { host = \"www.example.net\", path = \"/x\", status = \"200-399\" }".to_owned(),
        ),
        // As in kubeadm's guide.
        (
            " option httpchk\n http-check connect ssl\n http-check send meth GET uri /healthz\n http-check expect status 200\n".to_owned(),
            "check verify none",
            "http = { version = \"1.0\", path = \"/healthz\", status = 200, tls = { verify = false } }".to_owned(),
        ),
        (
            format!("{get} http-check send ver HTTP/1.1 hdr Host b.example\n http-check expect status 200,300-302\n"),
            "check",
            "http = { host = \"b.example\", path = \"/health\", status = [200, \"300-302\"] }".to_owned(),
        ),
        (
            format!("{get} http-check expect ! status 500-599\n http-check expect status 200-520\n"),
            "check",
            format!("http = {{ {usual}, status = \"200-499\" }}"),
        ),
        (
            format!("{get} http-check expect string a.b?\n"),
            "check",
            format!("http = {{ {usual}, status = \"100-599\", regex = 'a\\.b\\?' }}"),
        ),
        (
            format!("{get} http-check expect min-recv 5 ! rstring ^bad|worse$\n http-check expect status 200\n"),
            "check",
            format!("http = {{ {usual}, status = 200, regex = \"^bad|worse$\", no-match = true }}"),
        ),
        (
            format!("{get} http-check expect string a\n http-check expect string b\n"),
            "check",
            "http = { version = \"1.0\", pages = [{ path = \"/health\", status = \"100-599\", regex = \"a\" }, \
             { path = \"/health\", status = \"100-599\", regex = \"b\" }] }"
                .to_owned(),
        ),
        (
            format!("{get} http-check connect port 81 addr 10.9.0.1\n"),
            "check port 82",
            format!("http = {{ address = \"10.9.0.1\", port = 81, {usual}, status = \"200-399\" }}"),
        ),
        (
            get.to_owned(),
            "check port 82 check-ssl verify required ca-file /ca.pem check-sni s.example crt /c.pem",
            format!(
                "http = {{ port = 82, {usual}, status = \"200-399\", tls = {{ server-name = \"s.example\", \
                     authorities = \"/ca.pem\", certificate = \"/c.pem\" }} }}"
            ),
        ),
        // A connection that is spelled out does not speak TLS unless it says so.
        (
            format!("{get} http-check connect\n"),
            "check check-ssl",
            format!("http = {{ {usual}, status = \"200-399\" }}"),
        ),
        (
            format!("{get} http-check connect default sni x\n"),
            "check check-ssl",
            format!("http = {{ {usual}, status = \"200-399\", tls = {{ server-name = \"x\", verify = false }} }}"),
        ),
        (
            " option smtpchk EHLO lb.example.net\n".to_owned(),
            "check port 25",
            "smtp = { port = 25, helo = \"lb.example.net\" }".to_owned(),
        ),
        (format!("{get} option smtpchk\n"), "check", "smtp = { helo = \"localhost\" }".to_owned()),
        // The last kind counts.
        (format!("{get} option tcp-check\n"), "check", "tcp = {".to_owned()),
        (format!("{get} option ssl-hello-chk\n"), "check", "tcp = {".to_owned()),
        (
            format!(" option tcp-check\n tcp-check connect port 9200\n{get}"),
            "check",
            format!("http = {{ {usual}, status = \"200-399\" }}"),
        ),
        (format!("{get} no option httpchk\n"), "check", "tcp = {".to_owned()),
        (" option httpchk POST /x\n".to_owned(), "check", "tcp = {".to_owned()),
    ] {
        let (found, said) = check(&lines, server);
        assert!(found.starts_with(&expected), "{lines}{server}\n{found}\n{expected}\n{said:#?}");
        assert!(said.iter().all(|line| !line.contains("error[")), "{lines}: {said:#?}");
    }
}

/// What is not taken over as it is has a remark on its line; what is, has none.
#[test]
fn what_is_said() {
    let get = " option httpchk GET /health\n";
    for (lines, server, remark) in [
        (get.to_owned(), "check", None),
        (format!("{get} http-check expect status 200\n"), "check", None),
        (" option httpchk\n".to_owned(), "check", Some("8:9: warning[C602]: the check asks with `GET`")),
        (" option httpchk POST /x\n".to_owned(), "check", Some("8:17: warning[C303]: checks ask with `GET`")),
        (" option httpchk GET *\n".to_owned(), "check", Some("8:21: warning[C602]: `*` is no path")),
        (" option httpchk GET / HTTP/2\n".to_owned(), "check", Some("8:23: warning[C602]: checks speak")),
        (
            " option httpchk GET / HTTP/1.1\\r\\nX-A:\\ b\n".to_owned(),
            "check",
            Some("8:23: warning[C602]: checks do not send the field `X-A`"),
        ),
        (" http-check expect status 200\n".to_owned(), "check", Some("8:2: note[C304]: `http-check` does nothing")),
        (format!("{get} http-check expect hdr name x\n"), "check", Some("9:20: warning[C303]")),
        (format!("{get} http-check expect status x\n"), "check", Some("9:27: error[C401]: `status` cannot be `x`")),
        (
            format!("{get} http-check expect status 200\n http-check expect status 500\n"),
            "check",
            Some("10:27: error[C401]"),
        ),
        (format!("{get} http-check expect\n"), "check", Some("9:")),
        (format!("{get} http-check expect string\n"), "check", Some("9:20: error[C306]")),
        (format!("{get} http-check expect rstring a(?R)\n"), "check", Some("9:31: warning[C405]")),
        (format!("{get} http-check send hdr A\n"), "check", Some("9:22: error[C306]")),
        (format!("{get} http-check send bogus x\n"), "check", Some("9:18: error[C301]")),
        (
            format!("{get} http-check send uri /a\n http-check expect status 200\n http-check connect\n"),
            "check",
            Some("11:2: warning[C303]: `http-check connect` is not done yet"),
        ),
        (format!("{get} http-check connect port x\n"), "check", Some("9:26: error[C401]")),
        (format!("{get} http-check connect send-proxy\n"), "check", Some("9:21: warning[C601]")),
        (format!("{get} http-check disable-on-404\n"), "check", Some("9:2: warning[C601]")),
        (format!("{get} http-check flurb\n"), "check", Some("9:13: error[C301]")),
        (
            String::new(),
            "check check-ssl verify none",
            Some("8:29: warning[C601]: `check-ssl` is for checks over HTTP"),
        ),
        (String::new(), "check verify none", Some("8:29: note[C304]: without effect: `verify`")),
        (
            get.to_owned(),
            "check check-ssl ca-file ca.pem verify required",
            Some("9:39: warning[C602]: `ca-file` does not name"),
        ),
        (get.to_owned(), "check check-ssl ca-file /ca.pem", Some("9:39: warning[C602]: haproxy asks for no name")),
        (get.to_owned(), "check check-ssl verify none", None),
    ] {
        let (_, said) = check(&lines, server);
        let own: Vec<_> = said.iter().filter(|line| !line.contains("timeout")).collect();
        match remark {
            Some(remark) => assert!(
                said.iter().any(|line| line.starts_with(&format!("haproxy.cfg:{remark}"))),
                "{lines}{server}: {said:#?}"
            ),
            None => assert!(own.is_empty(), "{lines}{server}: {own:#?}"),
        }
    }
}

/// A section's own lines stand in place of those that it begins with; the option is inherited.
#[test]
fn defaults_are_inherited() {
    let text = |own: &str| {
        format!(
            "defaults\n mode tcp\n option httpchk GET /a\n http-check expect status 204\n timeout connect 1s\n timeout check 3s\n\
             listen web\n bind 192.0.2.1:80\n{own} default-server check check-ssl verify none\n server a 10.0.0.1:80\n"
        )
    };
    let (document, _) = of(&text(""), &[]);
    assert!(document.contains("timeout = \"4s\"") && document.contains("path = \"/a\", status = 204"), "{document}");
    assert!(document.contains("tls = { verify = false }"), "{document}");
    let (document, _) = of(&text(" http-check expect string x\n"), &[]);
    assert!(document.contains("path = \"/a\", status = \"100-599\", regex = \"x\""), "{document}");
}
