"""Passwords that somebody chose, and defaults: what is listed as possible, what is counted, what is none."""

import string
from pathlib import Path

import pytest

from audit_lib.leaks.rules import Rules
from audit_lib.leaks.tables import COMMON, ELSEWHERE, tabulate_chosen_passwords
from audit_lib.secrecy.keeper import Keeper, Key
from tests.leaks.test_find_leaks import audit
from tests.support.fakes import fake_value
from tests.support.planter import new_plot

SMALL = string.ascii_lowercase


def listed(text: str, path: str) -> tuple[int, int]:
    """How many values of a file are listed, and how many counted only."""
    found = Rules(Keeper(Key(b"k" * 32, "file")), ()).find_chosen(text.encode(), path)
    return len({one.fingerprint for one in found[0]}), found[1]


LISTED = (
    ("app/settings.py", 'MAIL_PASSWORD = "{v}"\n'),
    ("app/login.js", "connect({{ user: 'ann', password: '{v}' }});\n"),
    ("app/check.py", "assert config['password'] == '{v}'\n"), ("app/db.php", "'password' => '{v}',\n"),
    ("compose.yml", "environment:\n  - POSTGRES_PASSWORD={v}\n"),
    ("chart/values.yaml", "postgresql:\n  auth:\n    password: {v}\n"),
    ("deploy/app.env", "SMTP_PASS={v}\nPORT=1\n"), ("app.properties", "spring.datasource.password={v}\n"),
    ("init.sql", "CREATE USER ann IDENTIFIED BY '{v}';\n"), ("grant.sql", "ALTER ROLE ann PASSWORD '{v}';\n"),
    ("Dockerfile", "RUN openssl rsa -passin pass:{v} -in a.pem\n"),
    ("run.sh", "backup --user=root --password={v} /data\n"),
    ("dump.sql", 's:13:"smtp_password";s:6:"{v}";\n'),
    ("docs/setup.md", "- **Admin password**: {v}\n- `password`: `{v}`\n"),
    ("app/db.py", 'URL = "mysql+pymysql://ann:{v}@db/shop"\n'),
    ("app/Login.scala", 'val password: String = "{v}"\n'),
    ("app/login.ts", "if (password !== '{v}7q8') return;\n"), ("app/a.conf", "DB_PSWD={v}\n"),
    ("app/b.conf", "my_pw: {v}\n"), ("app/test_env.py", "write('USER=ann\\nPASS={v}')\n"),
    ("app/query.py", "open('https://example.org/?user=ann&password={v}')\n"),
    ("app/fetch.c", 'curl_easy_setopt(curl, CURLOPT_PASSWORD, "{v}7q8");\n'),
    ("app/Store.java", 'props.put("db.password", "{v}7q8");\n'),
    ("app/Shiro.java", 'manager.setPassword(Base64.decode("{v}7q8"));\n'),
    ("app/web.config.txt", "<smtp><password>{v}</password></smtp>\n"),
    ("chart/pod.yaml", "- name: DB_PASSWORD\n  value: {v}\n"),
    ("app/basic.py", "requests.get(url, auth=('ann', '{v}'))\n"),
    ("app/basic.js", "const login = btoa('ann:{v}');\n"),
    ("run_curl.sh", "curl -s -u ann:{v} https://example.org/\n"),
    ("setup.ps1", 'ConvertTo-SecureString -AsPlainText "{v}7" -Force\n'),
    ("app.yaml", "password: {v} # of the queue\n"),
    ("app/conf.go", "const conf = `\nauthorization {{\n  user: ann\n  password: {v}\n}}\n`\n"),
    ("app/conf.py", 'CONF = """\n[mail]\npassword = {v}\n"""\n'),
    ("app/app.conf", "db_password" + 20 * " " + "= {v}\n"),
    ("app/main.rs", 'let password = String::from("{v}");\n'),
    ("app/db.php", "define('DB_PASSWORD', '{v}');\n"),
    ("app/Main.java", 'System.setProperty("store.password", "{v}");\n'),
    ("requests.json", '{{"text": "{{\\"password\\":\\"{v}\\"}}"}}\n'),
    ("a.sql", "CREATE USER ann IDENTIFIED BY {v};\n"),
    ("b.sql", "CREATE USER ann IDENTIFIED WITH mysql_native_password BY '{v}';\n"),
    ("c.sql", "SET PASSWORD FOR 'ann'@'db' = PASSWORD('{v}');\n"),
    ("proxy.sh", 'export PROXY="http://ann:{v}@${{HOST}}:3128"\n'),
)  # fmt: skip


@pytest.mark.parametrize(("path", "text"), LISTED)
def test_a_chosen_value_under_a_password_name_is_listed(path: str, text: str) -> None:
    """Six letters are no generated value, and are one that somebody may use."""
    assert listed(text.format(v=fake_value(path, 6, SMALL)), path) == (1, 0)


def test_a_login_in_a_url_has_the_name_before_it() -> None:
    """However far away in its line; without any name it is a password, never the name of a rule."""
    text = "DB_URL          := postgres://ann:qzvkjx7@db/shop\nrun postgres://ann:qzvkjx8@db/shop\n"
    found = Rules(Keeper(Key(b"k" * 32, "file")), ()).find_chosen(text.encode(), "Makefile")[0]
    assert sorted(one.name for one in found) == ["DB_URL", "password"]


def test_a_value_in_quotes_goes_to_its_quote() -> None:
    """Signs within quotes belong to the value, a word without quotes in code is a name."""
    signs = fake_value("signs", 4, SMALL) + "<a'b[c]{d;,$)"
    keeper = Keeper(Key(b"k" * 32, "file"))
    (found,) = Rules(keeper, ()).find_chosen(f'password = "{signs}"\n'.encode(), "a.py")[0]
    assert found.fingerprint == keeper.fingerprint(signs)
    assert listed("password = current_password_of_user\n", "a.py") == (0, 0)


NO_PASSWORDS = (
    ("app/form.js", "password: 'required|min:8', newPassword: getPassword(), pwd: this.state.pwd\n"),
    ("app/model.ts", "interface Login {{ password: string; secret?: string }}\n"),
    ("app/page.vue", '<input type="password" name="password" placeholder="Password">\n'),
    ("locales/de.json", '{{"password": "Kennwort", "secret": "Geheimnis"}}\n'),
    ("policy.json", '{{"secret": "JWT_SIGNING_KEY"}}\n'), ("app/errors.ts", 'INCORRECT_PASSWORD = "5135"\n'),
    ("app/seed.sql", "password: '{sha}'\n"),
    ("app/db.yml", "password: ${{DB_PASSWORD}}\nsecret: {{{{ vault.secret }}}}\n"),
    ("app/keys.ts", 'LastPass = "b84e4048-15dc-4dd0-8640-f4f60813c8af"\n'),
    ("README.md", "Access denied for user (using password: YES)\nPassword: must be long\n"),
    ("node_modules/a/index.js", "const password = 'qzvkjx'\n"),
    ("app/strategy.ts", "authenticate('first', 'second'); hide(['password', 'email', 'oauth2'])\n"),
    ("app/Check.java", 'matches(this.rawPassword, "no:delimiter"); if (a.password != "reset") {{}}\n'),
    ("app/form.py", 'credentials["password"] = cleaned["password"]; clean["pw"] != self.d["pw2"]\n'),
    ("README.md", "Replace <PASSWORD> with that of the user. The accounts-password login path.\n"),
    ("app/sql.ts", "run(`UPDATE users SET secret=$value_1, changed=$value_2`)\n"),
    ("app/Mfa.tsx", 'const id = isPasscode ? "passcode" : "recoveryCode";\n'),
    ("hooks/merge", "password = config['mail']['password']\n"), ("nsswitch.conf", "passwd:         compat\n"),
    ("app/mail.go", 'resetPassword = "mails/reset_password"\n'),
    ("app/calendar.js", "Buffer.from('BEGIN:VCALENDAR')\n"),
    ("ca.sh", 'openssl x509 -passin "file:secret.txt7"\n'),
    ("app/urls.json", '{{"password": "%60%7B%7D"}}\n'),
    ("app/css.js", "secret: '#mail-secret-key', 'password' => '--password='.$c['password'],\n"),
    ("chart/values.yaml", "existingSecret: mail-login\ntlsSecret: shop-cert\n"),
    (".woodpecker.yml", "from_secret: mail_login\n"), ("run.sh", "systemctl --no-ask-password suspend now\n"),
    ("app/Sign.java", 'SIGNATURE_V4_METHOD = "PlainSum256"; SECRET = "HmacSHA256"\n'),
    ("app/settings.py", "CLIENT_SECRET = 'slack.client-id'\n"), ("app/Host.cs", 'Password = "Mail:Login"\n'),
    ("app/api.ts", "let password: 'string|null'\n"),
    ("values.yaml", "certSecret: mail-tls\nlicense.secret: shop-license\nclientSecretKey: clientSecret\n"),
    ("app/rails.conf", "my_password = root_entry unless root_entry.empty\n"),
    ("app/Names.java", 'PARAM_PASSWORD = "password"; OwnerPassword = "password";\n'),
    ("app/api.go", 'Password: "valid-" + made(), Secret: "near-" + other,\n'),
    ("app/list.ts", "cacheKey: 'qx7v2rm9kw4t', csrf_token: 'qx7v2rm9kw4t'\n"),
    ("chart/pod.tpl", "{{{{- $dbPassword := index . -}}}}\n{{{{ range $name, $secret := .Values.all }}}}\n"),
    ("role/app.j2", "{{% set queue_password = app__queue_password %}}\n<% my_password = options %>\n"),
    ("app/mapper.xml", "password = #{{row.password,jdbcType=VARCHAR}}, secret_key = @{{item.key}}\n"),
    ("app/api.yaml", 'password: "#/components/schemas/Login"\nsecret: "__MAIL_SECRET__"\n'),
    ("run.ps1", "my_password = $env:MAIL_PASSWORD\nmy_pwd = $mail.password\n"),
    ("app/index.sql", "ADD UNIQUE INDEX `by_app` (`AppId`,`Secret`,`DeletedAt`);\n"),
    ("app/query.php", "JOIN `app_login` ON `log`.`app_password` = `app_login`.`id`\n"),
    ("app/Form.vue", '<Login :secret="qzvkjx" />\n'),
    ("app/form.component.ts", 'template: `<login [password]="qzvkjx"></login>`\n'),
    ("app/reset.php", "'password' => 'qzvkjx7q|'.Setting::rules('store'),\n"),
    ("build.gradle", "password = project.mailLogin\npassword = mailLogin\n"),
    ("manifests/backup.pp", "String $backuppassword = $login\n  $rootpassword = qzvkjx\n"),
    ("app/page.twig", "send({{password: login, password2: again}});\n"),
    ("errors/messages_zh_CN.properties", "emptyPassword=qzvkjx\n"),
    ("app/brands.ts", '[Brand.OnePassword]: "1Password",\nLastPass: "qzvkjx7"\n'),
)  # fmt: skip


@pytest.mark.parametrize(("path", "text"), NO_PASSWORDS)
def test_what_is_no_password_is_left_alone(path: str, text: str) -> None:
    """Rules, types, labels, translations, codes, hashes, references and others' code are no passwords."""
    sha = fake_value("hash", 40, "0123456789abcdef")
    assert listed(text.format(sha=sha), path) == (0, 0)


DEFAULTS = (
    ("compose.yml", "POSTGRES_PASSWORD: postgres1\n", (1, 0)),
    ("compose.yml", "POSTGRES_PASSWORD: admin\n", (1, 0)),
    ("tests/compose.yml", "POSTGRES_PASSWORD: admin\n", (0, 1)),
    ("docs/setup.md", "POSTGRES_PASSWORD=admin\n", (0, 1)), ("conf/app.conf", "# password = admin\n", (0, 1)),
    ("compose.yml", "POSTGRES_PASSWORD: change-it-please\n", (0, 1)),
    ("snap/config", 'KEY_MAIL_PASSWORD="mail-service-password"\n', (0, 1)),
    ("src/main/LoginTests.java", 'String password = "admin";\n', (0, 1)),
    ("postman.json", '{"key": "password",\n "value": "admin"}\n', (0, 1)),
    ("example.env", "POSTGRES_PASSWORD=admin\n", (0, 1)),
    ("docs/setup.md", "URL=postgresql://app:app@db:5432/app\n", (0, 1)),
    ("compose.yml", 'entries: ["MAIL_SECRET", "present"]\n', (0, 0)),
    ("deploy/.env.template", "POSTGRES_PASSWORD=admin\n", (0, 1)),
    ("app/client.py", '    >>> Client(client_secret="secret")\n', (0, 1)),
    ("tests/test_login.py", "login(password='invalid')\n", (0, 1)),
    ("tests/test_basic.py", "'Authorization': 'Basic dXNlcjpwYXNzd29yZA=='\n", (0, 1)),
    ("app/basic.py", "'Authorization': 'Basic dXNlcjpzdzByZGZpc2g='\n", (1, 0)),
    ("compose.yml", "DB_PASSWORD: votre_mot_de_passe\nMAIL_PASSWORD: dein-kennwort\n", (0, 2)),
    ("compose.yml", "DB_PASSWORD: fill_me_in\nMAIL_PASSWORD: not-used\n", (0, 2)),
    ("docs/setup.md", "DB_PASSWORD: kennwort\nMAIL_PASSWORD: s3cr3t\nA_PASSWORD: 1q2w3e\n", (0, 3)),
    ("compose.yml", "DB_PASSWORD: kennwort\nMAIL_PASSWORD: s3cr3t\n", (2, 0)),
    ("app/settings.json", '{"accessKeySecret": "SECRET", "db_password": "PASSWORD"}\n', (0, 2)),
    ("docs/setup.md", "user: zelmira\npassword: zelmira\n", (0, 1)),
    ("docs/setup.md", "curl -d 'username=zelmira&password=zelmira&scope=all'\n", (0, 1)),
    ("docs/setup.md", "CREATE USER 'zelmira'@'db' IDENTIFIED BY 'zelmira';\n", (0, 1)),
    ("app/users.sql", "CREATE USER 'zelmira'@'db' IDENTIFIED BY 'zelmira';\n", (1, 0)),
    ("joomla/README.md", "ADMIN_PASSWORD: joomla@2\nJOOMLA_PASSWORD: joomla\n", (0, 2)),
    ("docs/setup.md", "user: zelmira\npassword: zelmirax\n", (1, 0)),
    ("app/login.vue", '<Login secret="qzvkjx" />\n', (1, 0)),
    ("app/login.ts", "set('password', `qzv7kjx9`)\n", (1, 0)),
    ("app/login.rb", "connect :password=>'qzvkjx'\n", (1, 0)),
    ("app/settings.py", "SECRET_KEY = 'qzvk'\n", (1, 0)),
    ("app/settings.py", "API_KEY = 'qzvkjwqx---qwzvxk---zxqvwkqj'\n", (0, 1)),
    ("tests/settings.py", "SECRET_KEY = 'qzvkjx'\n", (1, 0)),
    ("tests/settings.py", "DB_PASSWORD = 'qzvk'\n", (1, 0)),
    ("app/login.py", 'def f():\n    """Log in.\n\n    password: admin\n    """\n', (0, 1)),
    ("app/login.py", 'def f():\n    """Log in.\n\n    password: qzvkjx\n    """\n', (1, 0)),
    ("app/login.js", "/* Log in. */\nlogin = { password: 'admin' }\n", (1, 0)),
)  # fmt: skip


@pytest.mark.parametrize(("path", "text", "found"), DEFAULTS)
def test_a_default_is_listed_where_it_may_be_in_use(path: str, text: str, found: tuple[int, int]) -> None:
    """A default that deploys is listed; in a test, a document or a comment it is counted."""
    assert listed(text, path) == found


def test_possible_passwords_are_a_class_of_their_own(tmp_path: Path) -> None:
    """One leak for each value, however often it is met, listed line by line, apart from the leaks."""
    plot = new_plot(tmp_path / "repo")
    one, other = (fake_value(n, 7, SMALL) for n in range(2))
    plot.commit("compose.yml", f"db:\n  DB_PASSWORD: {one}\nweb:\n  DB_PASSWORD: {one}\n")
    plot.commit("app/db.py", f'connect(password="{one}")\n')
    plot.commit("tests/test_login.py", f"login(password='{other}')\nlogin(password='admin')\n")
    found, keeper = audit(plot.root, tmp_path)
    assert list(found.leaks["kind"]) == ["possible", "possible"]
    assert set(found.leaks["fingerprint"]) == {keeper.fingerprint(one), keeper.fingerprint(other)}
    assert found.leaks["at_head"].all()
    on_disk = found.places[found.places["place"] == "working tree"]
    assert {("compose.yml", 2), ("compose.yml", 4), ("app/db.py", 1), ("tests/test_login.py", 1)} == {
        (place.path, place.line) for place in on_disk.itertuples()
    }
    counted = found.coverage[found.coverage["reason"].str.contains("counted, not listed")]
    assert list(counted["count"]) == [1]
    table = tabulate_chosen_passwords(found.leaks, found.places, found.defaults)
    assert list(table["variable"]) == ["DB_PASSWORD", ELSEWHERE]
    assert keeper.fingerprint(one) not in keeper  # a word would stand in reports by chance


def test_what_many_choose_is_one_question(tmp_path: Path) -> None:
    """What others guess anyway no file discloses: all such are one row with their names. A password of
    somebody's own keeps its row, whatever is beside it."""
    plot, own = new_plot(tmp_path / "repo"), fake_value(3, 7, SMALL)
    plot.commit("compose.yml", "db:\n  POSTGRES_PASSWORD: postgres\nweb:\n  ADMIN_PASSWORD: test123\n")
    alone, _ = audit(plot.root, tmp_path)
    plot.commit("deploy.yml", f"db:\n  DB_PASSWORD: {own}\n")
    found, _ = audit(plot.root, tmp_path)
    tables = [tabulate_chosen_passwords(one.leaks, one.places, one.defaults) for one in (alone, found)]
    assert [list(table["variable"]) for table in tables] == [[COMMON], [COMMON, "DB_PASSWORD"]]
    common = tables[1].iloc[0]
    assert common["values"] == 2
    assert {name for name, *_ in common["covers"]} == {"POSTGRES_PASSWORD", "ADMIN_PASSWORD"}
    assert common["digest"] == tables[0]["digest"].iloc[0]
