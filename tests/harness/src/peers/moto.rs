//! moto: EC2, IAM and the rest of AWS in memory. It takes any request until told to check; then signatures and policies count.
//! Not faithful: it ignores `ClientToken`.

use super::{Answer, Request, Server, home};
use anyhow::{Context, ensure};
use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// Everything is in this region.
const REGION: &str = "us-east-1";
const IAM_VERSION: &str = "2010-05-08";

pub struct Moto {
    server: Server,
    home: PathBuf,
}

/// A user of IAM with one access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MotoUser {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl Moto {
    /// Starts it with one user for each policy (a JSON document), and then switches checking on.
    pub fn start(policies: &[&str]) -> anyhow::Result<(Self, Vec<MotoUser>)> {
        let home = home("moto")?;
        let mut command = Command::new(home.join("bin/moto_server"));
        // Port 0: it takes a free one and says which.
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        let moto = Self { server: Server::start("moto", command)?, home };
        let users = policies.iter().enumerate().map(|(i, policy)| moto.user(&format!("user{i}"), policy));
        let users = users.collect::<anyhow::Result<Vec<_>>>()?;
        let on = Request::post("/moto-api/reset-auth", "text/plain", "0").send(moto.url())?;
        ensure!(on.status == 200, "checking cannot be switched on: {} {}", on.status, on.body);
        Ok((moto, users))
    }

    pub fn url(&self) -> &str {
        &self.server.url
    }
    pub fn region(&self) -> &'static str {
        REGION
    }
    pub fn log(&self) -> String {
        self.server.output.tail()
    }

    /// Runs a Python program with boto3, the vendor's own client, and these arguments.
    pub fn boto3(&self, program: &str, args: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(self.home.join("bin/python"));
        command.args(["-c", program]).args(args);
        // Nothing of the machine's own settings is used.
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
        command.output().context("python does not start")
    }

    fn user(&self, name: &str, policy: &str) -> anyhow::Result<MotoUser> {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)])?;
        let put =
            [("Action", "PutUserPolicy"), ("UserName", name), ("PolicyName", "policy"), ("PolicyDocument", policy)];
        self.iam(&put)?;
        let key = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)])?.body;
        let text = |tag: &str| {
            let value = key.split(&format!("<{tag}>")).nth(1).and_then(|rest| rest.split("</").next());
            value.map(str::to_owned).with_context(|| format!("no {tag} in {key}"))
        };
        Ok(MotoUser { access_key_id: text("AccessKeyId")?, secret_access_key: text("SecretAccessKey")? })
    }

    fn iam(&self, fields: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let fields = fields.iter().chain(&[("Version", IAM_VERSION)]);
        let body: Vec<String> = fields.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        // Says only which service is meant: nothing is checked yet.
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/iam/aws4_request, SignedHeaders=host, Signature=x"
        );
        let answer = Request::form("/", body.join("&")).header("Authorization", &scope).send(self.url())?;
        ensure!(answer.status == 200, "IAM: {} {}", answer.status, answer.body);
        Ok(answer)
    }
}

/// Percent-encoded as a form wants it.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
