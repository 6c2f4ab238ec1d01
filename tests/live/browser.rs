//! A real browser without a screen, told what to do by WebDriver (W3C).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use unqmail::stage::Stage;

/// The port of chromedriver, inside the stage.
const PORT: u16 = 9515;

/// The name under which WebDriver hands out an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Nothing is asked of any other host, and root may run it.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=800,640",
];

/// A browser on the stage's host; it ends with the stage.
pub struct Browser<'s> {
    stage: &'s Stage,
    session: String,
}

impl<'s> Browser<'s> {
    /// Starts it with a new profile in a folder.
    pub fn start(stage: &'s Stage, folder: &Path) -> Self {
        let mut driver = stage.command("chromedriver");
        driver.arg(format!("--port={PORT}")).env("HOME", folder);
        drop(driver.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let is_up = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            stage.connect(PORT, None).is_ok()
        });
        assert!(is_up, "chromedriver does not answer; is chromium-driver installed?");
        let profile = format!("--user-data-dir={}", folder.join("profile").display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([&*profile]).collect();
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let mut browser = Self { stage, session: String::new() };
        let made = browser.call("POST", "", &json!({ "capabilities": { "alwaysMatch": options } }));
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("{made}"));
        browser.session = format!("/{id}");
        browser
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut curl = self.stage.command("curl");
        curl.args(["-sS", "-X", method, "-H", "Content-Type: application/json", "--data", "@-"]);
        let address = format!("http://127.0.0.1:{PORT}/session{}{path}", self.session);
        let mut child =
            curl.arg(address).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(body.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let mut said: Value = serde_json::from_slice(&output.stdout).unwrap();
        said["value"].take()
    }

    /// Opens a page of the panel.
    pub fn open(&self, page: &str) {
        self.call("POST", "/url", &json!({ "url": format!("http://127.0.0.1:8080/{page}") }));
    }

    /// Everybody is a stranger again.
    pub fn forget(&self) {
        self.call("DELETE", "/cookie", &json!({}));
    }

    /// What can be read on the page.
    pub fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script on the page.
    pub fn run(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn find(&self, selector: &str) -> String {
        let by = json!({ "using": "css selector", "value": selector });
        let found = self.call("POST", "/element", &by);
        let id = found[ELEMENT].as_str();
        id.unwrap_or_else(|| panic!("no {selector}: {}", self.text())).to_owned()
    }

    /// Types into the field of a name what it shall hold; a choice is made by its text.
    pub fn fill(&self, name: &str, value: &str) {
        let id = self.find(&format!("[name='{name}']"));
        if !self.tag(&id).eq_ignore_ascii_case("select") {
            self.call("POST", &format!("/element/{id}/clear"), &json!({}));
        }
        self.call("POST", &format!("/element/{id}/value"), &json!({ "text": value }));
    }

    fn tag(&self, id: &str) -> String {
        let tag = self.call("GET", &format!("/element/{id}/name"), &json!({}));
        tag.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks, and waits for the page that it leads to.
    pub fn click(&self, selector: &str) {
        let id = self.find(selector);
        self.call("POST", &format!("/element/{id}/click"), &json!({}));
    }

    /// Fills in the fields of a page and sends them; what the next page says.
    pub fn send(&self, page: &str, fields: &[(&str, &str)]) -> String {
        self.open(page);
        for (name, value) in fields {
            self.fill(name, value);
        }
        self.click("[name='submit']");
        self.text()
    }

    /// Keeps a picture of the page among the documents, where that is asked for.
    pub fn picture(&self, name: &str) {
        if std::env::var_os("UNQMAIL_BLESS").is_none() {
            return;
        }
        self.run("window.scrollTo(0, 0)");
        let picture = self.call("GET", "/screenshot", &json!({}));
        let bytes = STANDARD.decode(picture.as_str().unwrap()).unwrap();
        let folder = crate::support::project().join("docs/pictures");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("panel-{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        self.call("DELETE", "", &json!({}));
    }
}
