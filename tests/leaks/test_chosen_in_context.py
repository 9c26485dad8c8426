"""What stands around a chosen value: a comparison, a query, an expression, a comment, a test."""

import pytest

from tests.leaks.test_chosen_passwords import listed


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/index.sql", "ADD UNIQUE INDEX `by_app` (`AppId`,`Secret`,`DeletedAt`);\n"),
        ("app/query.php", "JOIN `app_login` ON `log`.`app_password` = `app_login`.`id`\n"),
        ("app/Form.vue", '<Login :secret="qzvkjx" />\n'),
        ("app/form.component.ts", 'template: `<login [password]="qzvkjx"></login>`\n'),
        ("app/reset.php", "'password' => 'qzvkjx7q|'.Setting::rules('store'),\n"),
        ("build.gradle", "password = project.mailLogin\npassword = mailLogin\n"),
        ("manifests/backup.pp", "String $backuppassword = $login\n  $rootpassword = qzvkjx\n"),
        ("app/page.twig", "send({password: login, password2: again});\n"),
        ("errors/messages_zh_CN.properties", "emptyPassword=qzvkjx\n"),
    ],
)
def test_a_column_an_expression_and_a_message_are_no_passwords(path: str, text: str) -> None:
    """Signs around a value say that it is a name, or what a user reads."""
    assert listed(text, path) == (0, 0)


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("app/login.vue", '<Login secret="qzvkjx" />\n', (1, 0)),
        ("app/login.ts", "set('password', `qzv7kjx9`)\n", (1, 0)),
        ("app/login.rb", "connect :password=>'qzvkjx'\n", (1, 0)),
        ("app/settings.py", "SECRET_KEY = 'qzvk'\n", (1, 0)),
        ("app/settings.py", "API_KEY = 'qzvkjwqx---qwzvxk---zxqvwkqj'\n", (0, 1)),
        ("tests/settings.py", "SECRET_KEY = 'qzvkjx'\n", (1, 0)),
        ("tests/settings.py", "DB_PASSWORD = 'qzvk'\n", (1, 0)),
        ("app/login.js", "/* Log in. */\nlogin = { password: 'admin' }\n", (1, 0)),
    ],
)
def test_a_default_is_listed_only_where_it_is_given(path: str, text: str, found: tuple[int, int]) -> None:
    """In a docstring or a comment it is counted, and so is a short word for the secret of a test."""
    assert listed(text, path) == found
