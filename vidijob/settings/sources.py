"""Where the settings of a program come from: default < file < variable < flag. It knows no setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError, TomlConfigSettingsSource

from vidijob.errors import SetupError

Kind = TypeVar("Kind", bound=BaseSettings)


class Sourced(BaseSettings):
    """The settings of one process; a class of its own says their names, the prefix of the variables and the file."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from, the strongest first."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def read(kind: type[Kind], flags: Mapping[str, Any]) -> Kind:
    """Read the settings; flags that are ``None`` or empty were not given. Raises ``SetupError`` with every fault."""
    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    places = f"flags, {kind.model_config['env_prefix']}*, {kind.model_config['toml_file']}"
    try:
        return kind(**given)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise SetupError(f"The settings ({places}) cannot be taken. " + "; ".join(faults) + ".") from None
    except (SettingsError, ValueError) as error:
        raise SetupError(f"The settings ({places}) cannot be read: {error}.") from None
