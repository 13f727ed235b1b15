"""Bring a study file to a schema version with Alembic, run from code and without an ini file."""

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

    with engine.begin() as connection:
        command.upgrade(alembic_config(connection=connection), revision_name(version))
        connection.exec_driver_sql(f"PRAGMA user_version = {version:d}")


def downgrade(engine: Engine, version: int) -> None:
    """Go back to an older schema version in one transaction; what it cannot hold is dropped."""
    from alembic import command

    with engine.begin() as connection:
        command.downgrade(alembic_config(connection=connection), revision_name(version))
        connection.exec_driver_sql(f"PRAGMA user_version = {version:d}")
