"""Small applications that tests write at run time, with fake values."""

from pathlib import Path

from tests.support.fakes import fake_value


def write(root: Path, files: dict[str, str]) -> Path:
    """The folder, with these files in it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def django_vue(root: Path) -> Path:
    """A shop: Django at the top with django-environ and a pydantic settings class, Vue in frontend/."""
    return write(
        root,
        {
            "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n',
            "shop/settings.py": """\
import os
import environ
env = environ.Env(DEBUG=(bool, False))
SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DATABASES = {"default": env.db("DATABASE_URL")}
STRIPE = env("STRIPE_SECRET_KEY")
MAIL = os.getenv("EMAIL_HOST_PASSWORD", "")
BROKER = env("CELERY_BROKER_URL", default="")
""",
            "shop/search.py": """\
from pydantic_settings import BaseSettings
class Search(BaseSettings):
    model_config = {"env_file": ".env"}
    algolia_app_id: str
    algolia_admin_key: str = ""
""",
            "shop/broken.py": 'print "python 2", os.environ["LEGACY_TOKEN"]\n',
            ".env.example": (
                "DJANGO_SECRET_KEY=change-me\nDATABASE_URL=postgres://user:password@localhost/shop\n"
                "STRIPE_SECRET_KEY=\n# SENTRY_DSN=\nALLOWED_HOSTS=localhost\n"
            ),
            ".env": (
                f"DJANGO_SECRET_KEY={fake_value('django', 50)}\n"
                f"DATABASE_URL=postgresql://shop:{fake_value('db', 24)}@localhost:5432/shop\n"
                f"STRIPE_SECRET_KEY={fake_value('stripe', 40)}\nALLOWED_HOSTS=localhost\n"
                f"ONLY_IN_THE_LIVE_FILE={fake_value('live', 40)}\n"
            ),
            "frontend/.env.example": "VITE_API_URL=http://localhost:8000\nVITE_STRIPE_PUBLIC_KEY=\n",
            "frontend/src/api.js": (
                "const key = import.meta.env.VITE_MAPS_KEY\n"
                "const { VITE_STRIPE_PUBLIC_KEY, VITE_FLAG: flag } = import.meta.env\n"
                'if (process.env.NODE_ENV === "production") console.log(process.env["VITE_API_URL"])\n'
            ),
            "frontend/src/Cart.vue": "<script setup>const t = import.meta.env.VITE_API_TOKEN</script>\n",
            "frontend/node_modules/lib/index.js": "process.env.NOT_OURS\n",
            "logs/shop.log": "2026-09-30 10:00:00,000 INFO nothing\n",
        },
    )
