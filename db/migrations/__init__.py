"""Bring a study file to a schema version with Alembic, run from code and without an ini file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db.engine import SCHEMA_VERSION

FOLDER = Path(__file__).parent
VERSIONS = [FOLDER / "versions"]


def alembic_config(**attributes: Any) -> Any:
    """Return the Alembic configuration of a study; `attributes` go to `env.py`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(v).replace("%", "%%") for v in VERSIONS))
    config.attributes.update(attributes)
    return config


def revision_name(version: int) -> str:
    """Return the revision of a schema version: "0001" for 1, "base" for 0."""
    return f"{version:04}" if version else "base"


def upgrade(engine: Engine, version: int = SCHEMA_VERSION) -> None:
    """Upgrade to a schema version in one transaction: the whole way or not at all."""
    from alembic import command

    _migrate(engine, version, command.upgrade)


def downgrade(engine: Engine, version: int) -> None:
    """Go back to an older schema version in one transaction; what it cannot hold is dropped."""
    from alembic import command

    _migrate(engine, version, command.downgrade)


def _migrate(engine: Engine, version: int, run: Callable[..., None]) -> None:
    with engine.connect() as connection:
        # A table that is rebuilt is dropped for a moment, with rows that others refer to. SQLite checks them
        # again at the end; the setting cannot be changed inside a transaction.
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                run(alembic_config(connection=connection), revision_name(version))
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise RuntimeError(f"the migration leaves rows that refer to nothing: {broken[:3]}")
                connection.exec_driver_sql(f"PRAGMA user_version = {version:d}")
        finally:
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()
