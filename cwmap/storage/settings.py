"""What an office decides once for its workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from pyproj import CRS
from pyproj.exceptions import CRSError

from cwmap.errors import WorkspaceError
from cwmap.storage import geopackage


@dataclass(frozen=True)
class Settings:
    """See the module. `timezone`: of times without one; `nearest_m`: how far a lane may be.

    office, hotline: as printed on boards. address: where people reach the dashboard, as
    http://10.1.2.3:8501. hours: of the office, 24-hour clock. workdays: `calendar` for China's
    workdays with holidays and shifted days, `daily` for every day of the week. boards_show_phones:
    whether a printed lane board carries phone numbers. review: the map review number (审图号) or the
    words in its place, printed on every map. accounts: see `cwmap.access`.
    """

    name: str = "未命名城镇"
    crs: str = "EPSG:4544"
    timezone: str = "Asia/Shanghai"
    nearest_m: float = 30.0
    synthetic: bool = False
    office: str = ""
    hotline: str = ""
    address: str = ""
    hours: str = "08:30-12:00,14:30-18:00"
    workdays: str = "calendar"
    boards_show_phones: bool = False
    review: str = "内部使用"
    accounts: list[dict[str, str]] = field(default_factory=list, repr=False)


def settings_of(connection: sa.Connection) -> Settings:
    """The settings as this connection sees them."""
    query = sa.select(geopackage.SETTINGS.c.key, geopackage.SETTINGS.c.value)
    rows = connection.execute(query).all()
    known = {field.name for field in fields(Settings)}
    return Settings(**{k: json.loads(v) for k, v in rows if k in known})


def checked(settings: Settings) -> Settings:
    """The settings with their CRS as EPSG:n; `WorkspaceError` if metres or times would be wrong."""
    crs = settings.crs.strip().upper()
    try:
        parsed = CRS.from_string(crs if crs.startswith("EPSG:") else "")
    except CRSError as error:
        raise WorkspaceError(
            f"不认识坐标系“{settings.crs}”；请用 EPSG 编号，如 EPSG:4544。"
        ) from error
    metres = {axis.unit_name for axis in parsed.axis_info} == {"metre"}
    method = parsed.coordinate_operation.method_name if parsed.coordinate_operation else ""
    stretched = method.startswith(("Mercator", "Popular Visualisation"))  # by 1 / cos(latitude)
    if not parsed.is_projected or not metres or stretched:
        raise WorkspaceError(
            f"“{settings.crs}”不是能按米量距离的投影坐标系；请用高斯投影等，如 EPSG:4544。"
        )
    try:
        ZoneInfo(settings.timezone)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise WorkspaceError(f"不认识时区“{settings.timezone}”；请写如 Asia/Shanghai。") from error
    return replace(settings, crs=crs)
