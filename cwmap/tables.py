"""Every table and column, once: import, templates, validation, exports and the data dictionary.

A column says its name in code, its header on screen, the headers that other systems use for
it, its kind, unit and rule. Nothing else in the project repeats any of this.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from cwmap.errors import UnknownName

Kind = Literal["id", "text", "integer", "number", "time", "choice", "category", "place", "photo"]
Shape = Literal["polygon", "point", "any"]


@dataclass(frozen=True)
class Column:
    """One column. `kind` decides how text becomes a value (`cwmap.checks.values`).

    `happened`: a time of something that has taken place, so that it cannot lie in the future.
    """

    name: str
    label: str
    kind: Kind = "text"
    aliases: tuple[str, ...] = ()
    required: bool = False
    unit: str = ""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    rule: str = ""
    example: str = ""
    private: bool = False
    computed: bool = False
    happened: bool = False

    @property
    def header(self) -> str:
        """Header in templates and Chinese exports: label and unit."""
        return f"{self.label}({self.unit})" if self.unit else self.label

    def shown(self, value: str) -> str:
        """Chinese word for a canonical choice value."""
        return self.labels.get(value, value)


@dataclass(frozen=True)
class Table:
    """One table. `key` is its id column; `shape` the geometry that its rows may have.

    `identity`: columns from which the id of a row without one is made; all of its content, if empty.
    """

    name: str
    label: str
    key: str
    columns: tuple[Column, ...]
    shape: Shape | None = None
    purpose: str = ""
    identity: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def __contains__(self, name: str) -> bool:
        return any(c.name == name for c in self.columns)

    @property
    def stored(self) -> tuple[Column, ...]:
        """Columns that the store keeps: all but the coordinates, which become the geometry."""
        return tuple(c for c in self.columns if c.name not in COORDINATES)

    @property
    def filled(self) -> tuple[Column, ...]:
        """Columns that a person fills in: all but the computed ones."""
        return tuple(c for c in self.columns if not c.computed)


COORDINATES = ("lon", "lat", "wkt")
EXAMPLE = "示例行"


def normalise(header: str) -> str:
    """A header as it is compared: NFKC, lower case, without blanks, stars and a unit in brackets."""
    text = unicodedata.normalize("NFKC", header).lower()
    text = re.sub(r"[(\[（【][^)\]）】]*[)\]）】]", "", text) or text
    return re.sub(r"[\s*_\-:：]+", "", text)


def headers(table: Table) -> dict[str, str]:
    """Normalised header or alias → column name, for every column that an import may fill."""
    known: dict[str, str] = {}
    for column in table.filled:
        for word in (column.name, column.label, column.header, *column.aliases):
            known.setdefault(normalise(word), column.name)
    return known


def example(table: Table) -> dict[str, str]:
    """The example row of a table's template, by column; its id says what it is."""
    return {c.name: EXAMPLE if c.name == table.key else c.example for c in table.filled}


def _place(*, required: bool = False) -> tuple[Column, ...]:
    rule = "十进制度或度分秒；也可为投影坐标（米）"
    return (
        Column(
            "lon", "经度", "place", ("lng", "long", "longitude", "x", "coordx", "x坐标", "东经",
            "point_x", "经度坐标", "东坐标", "横坐标", "e", "gps经度"),
            required, rule=rule, example="104.92000",
        ),
        Column(
            "lat", "纬度", "place", ("latitude", "y", "coordy", "y坐标", "北纬", "point_y",
            "纬度坐标", "北坐标", "纵坐标", "n", "gps纬度"),
            required, rule=rule, example="33.39000",
        ),
        Column(
            "wkt", "图形WKT", "place", ("wkt", "geometry", "geom", "图形", "范围", "坐标", "经纬度", "坐标位置",
            "gps坐标", "location"),
            rule="WKT 文本（点、线或面），或“经度,纬度”；与经纬度二选一",
        ),
    )  # fmt: skip


STATUS = Column(
    "status", "状态", "choice",
    ("当前状态", "处理状态", "办理状态", "案件状态", "案卷状态", "status", "state", "casestatus", "整改状态"),
    choices={
        "open": ("未处理", "待处理", "未整改", "待整改", "新上报", "上报", "已上报", "待受理", "待派遣", "未办理",
                 "未结案", "受理", "已受理", "立案", "已立案", "new", "submitted", "received", "pending", "未解决"),
        "assigned": ("已派遣", "派遣", "处理中", "处置中", "整改中", "办理中", "待处置", "in progress",
                     "acknowledged", "assigned", "in_progress", "已交办", "交办", "已派单", "返工"),
        "fixed": ("已处置", "处置完成", "已整改", "整改完成", "待核查", "待验收", "已处理", "已办理", "fixed",
                  "resolved", "已修复", "已解决"),
        "verified": ("结案", "已结案", "办结", "已办结", "已核查", "已验收", "核查通过", "已销号", "销号", "closed",
                     "completed", "complete", "verified", "done", "已完成", "完成"),
        "rejected": ("作废", "已作废", "不予受理", "不受理", "无效", "重复", "重复件", "退回", "invalid", "duplicate",
                     "cancelled", "canceled", "rejected", "completed - dup", "open - dup", "误报"),
    },
    labels={"open": "待处理", "assigned": "处置中", "fixed": "待核查", "verified": "已办结", "rejected": "不受理"},
    rule="留空视为待处理", example="待处理",
)  # fmt: skip

FACILITY_KIND = Column(
    "kind", "设施类型", "choice", ("类型", "类别", "kind", "type", "设施类别"), required=True,
    choices={
        "market": ("农贸市场", "集贸市场", "菜市场", "市场", "便民市场", "market", "marketplace"),
        "toilet": ("公厕", "公共厕所", "厕所", "卫生间", "toilet", "toilets"),
        "sorting_station": ("分类收集站", "分类投放点", "垃圾分类站", "垃圾收集点", "收集点", "分类亭", "分类收集点",
                            "垃圾分类亭", "recycling"),
        "bin": ("果皮箱", "废物箱", "垃圾箱", "垃圾桶", "分类垃圾箱", "bin", "waste_basket"),
        "transfer_station": ("转运站", "垃圾转运站", "垃圾中转站", "中转站", "transfer_station"),
        "other": ("其他", "其它", "other"),
    },
    labels={"market": "农贸市场", "toilet": "公共厕所", "sorting_station": "分类收集点", "bin": "废物箱",
            "transfer_station": "垃圾转运站", "other": "其他设施"},
    example="公共厕所",
)  # fmt: skip

LANE_KIND = Column(
    "kind", "道路类型", "choice", ("类型", "道路等级", "等级", "街巷类型", "kind", "class", "highway"),
    choices={
        "main": ("主干道", "主干路", "主路", "primary"), "secondary": ("次干道", "次干路", "secondary"),
        "branch": ("支路", "街道", "街", "tertiary", "residential"),
        "lane": ("背街小巷", "小巷", "巷道", "巷", "胡同", "service", "living_street"),
    },
    labels={"main": "主干道", "secondary": "次干道", "branch": "支路", "lane": "背街小巷"}, example="背街小巷",
)  # fmt: skip

ROLE = Column(
    "role", "岗位", "choice", ("角色", "职务", "责任类型", "role"), required=True,
    choices={
        "leader": ("包社区领导", "包抓领导", "县级领导", "街长", "巷长", "一级巷长"),
        "secretary": ("社区党支部书记", "社区书记", "支部书记", "党支部书记", "二级巷长"),
        "grid_officer": ("网格员", "网格长", "专职网格员"),
        "cleaner": ("保洁员", "环卫工人", "环卫工", "清扫员"),
        "unit": ("包抓单位", "责任单位", "联系单位"),
    },
    labels={"leader": "包社区领导", "secretary": "社区党支部书记", "grid_officer": "网格员", "cleaner": "保洁员",
            "unit": "包抓单位"},
    example="网格员",
)  # fmt: skip

UNIT_KIND = Column(
    "kind", "单元类型", "choice", ("类型", "类别", "小区类型", "kind", "type"), required=True,
    choices={
        "compound": ("物业小区", "小区", "有物业小区", "compound"),
        "compound_unmanaged": ("无物业小区", "无物业", "老旧小区", "散居楼院"),
        "compound_none": ("三无小区", "三无楼院"),
        "market": ("市场", "农贸市场", "集贸市场", "market"),
        "restaurant": ("餐饮门店", "餐饮店", "餐馆", "饭店", "restaurant"),
        "toilet": ("公厕", "公共厕所", "toilet"),
        "site": ("工地", "建筑工地", "施工工地"),
        "channel": ("河道沟渠", "河道", "沟渠", "排洪沟"),
        "street": ("街面", "街道", "主次干道", "street"),
        "lane": ("巷道", "背街小巷", "巷", "lane"),
    },
    labels={"compound": "物业小区", "compound_unmanaged": "无物业小区", "compound_none": "三无小区", "market": "市场",
            "restaurant": "餐饮门店", "toilet": "公厕", "site": "工地", "channel": "河道沟渠", "street": "街面",
            "lane": "巷道"},
    example="三无小区",
)  # fmt: skip

STATE = Column(
    "state", "任务状态", "choice", ("状态", "办理状态", "环节", "state", "status"),
    choices={
        "reported": ("上报", "已上报", "待受理", "未处理", "待处理"),
        "accepted": ("受理", "已受理", "立案", "已立案", "待派遣"),
        "dispatched": ("派遣", "已派遣", "待处置", "已交办", "交办", "已派单"),
        "handling": ("处置", "处置中", "整改中", "处理中", "办理中"),
        "checking": ("核查", "待核查", "已处置", "已整改", "整改完成", "处置完成", "待验收"),
        "closed": ("结案", "已结案", "已办结", "办结", "核查通过", "已销号", "销号"),
        "returned": ("退回", "已退回", "非本单位职责", "不属于本单位"),
        "rework": ("返工", "重新整改", "核查不通过"),
        "void": ("作废", "已作废", "不受理", "不予受理", "误报", "重复件"),
    },
    labels={"reported": "上报", "accepted": "受理", "dispatched": "派遣", "handling": "处置", "checking": "核查",
            "closed": "结案", "returned": "退回", "rework": "返工", "void": "作废"},
    example="处置",
)  # fmt: skip

_NAME = ("名称", "name", "title")
_COMMUNITY = Column(
    "community_id", "所属社区", "text",
    ("社区", "社区名称", "社区编码", "community", "communityname", "社区代码"),
    rule="社区编码或名称；留空时按位置判定", example="中山街社区",
)  # fmt: skip

LANES = Table(
    "lanes", "巷道", "lane_id", (
        Column("lane_id", "巷道编号", "id",
               ("编号", "编码", "巷道编码", "街巷编号", "道路编号", "路段编号", "id", "laneid", "osm_id", "beat_num", "code"),
               rule="留空时由内容生成", example="X001"),
        Column("name", "巷道名称", "text", (*_NAME, "街巷名称", "道路名称", "街路巷名称", "巷道", "街巷", "路名", "lanename"),
               required=True, example="文明巷"),
        Column("aliases", "别名", "text", ("曾用名", "俗称", "alias"), rule="多个用、分隔", example="老文明巷"),
        LANE_KIND, _COMMUNITY,
        Column("length_m", "长度", "number", ("长", "长度米", "道路长度", "length", "shape_length", "shape_leng"),
               unit="米", minimum=0.1, maximum=100000, rule="留空时由图形量算", example="210"),
        Column("area_m2", "面积", "number", unit="平方米", computed=True),
        *_place(),
    ), "polygon", "街路巷的面（也可导入中心线并给定宽度），是巷长制的责任单元",
)  # fmt: skip

CELLS = Table(
    "cells", "单元网格", "cell_id", (
        Column("cell_id", "网格编码", "id",
               ("编号", "编码", "单元网格编码", "网格号", "网格编号", "标识码", "所在单元网格标识码", "cellid", "gridid", "id", "hex_id",
                "census_tract"),
               rule="GB/T 47678.3 为 15 位；留空时由内容生成", example="621202100005001"),
        Column("name", "网格名称", "text", _NAME, example="中山街第一网格"),
        Column("responsible", "责任主体", "text", ("责任单位", "主体", "网格员"), example="中山街社区"),
        _COMMUNITY,
        Column("area_m2", "面积", "number", unit="平方米", computed=True),
        *_place(),
    ), "polygon", "单元网格（约 1 万平方米）的面",
)  # fmt: skip

COMMUNITIES = Table(
    "communities", "社区", "community_id", (
        Column("community_id", "社区编码", "id", ("编号", "编码", "社区代码", "社区编号", "代码", "code", "id", "nid", "cptvid"),
               rule="12 位统计用区划代码；留空时由内容生成", example="621202100005"),
        Column("name", "社区名称", "text", (*_NAME, "社区", "居委会", "村居", "community", "vname"), required=True,
               example="中山街社区"),
        Column("street", "街道", "text", ("街道名称", "所属街道", "乡镇", "镇街", "streetname", "tname"), example="城关镇"),
        Column("area_m2", "面积", "number", unit="平方米", computed=True),
        *_place(),
    ), "polygon", "社区（村、居委会）的面",
)  # fmt: skip

AREAS = Table(
    "areas", "片区", "area_id", (
        Column("area_id", "片区编号", "id", ("编号", "编码", "id", "code"), rule="留空时由内容生成", example="P01"),
        Column("name", "片区名称", "text", (*_NAME, "片区", "pri_neigh"), required=True, example="梁园—中山街"),
        Column("note", "说明", "text", ("备注", "note"), example="片区内无集贸市场"),
        Column("area_m2", "面积", "number", unit="平方米", computed=True),
        *_place(),
    ), "polygon", "专题片区，如“梁园—中山街”",
)  # fmt: skip

FACILITIES = Table(
    "facilities", "设施", "facility_id", (
        Column("facility_id", "设施编号", "id", ("编号", "编码", "标识码", "id", "osm_id"), rule="留空时由内容生成", example="S001"),
        Column("name", "设施名称", "text", _NAME, example="滨河市场"),
        FACILITY_KIND,
        Column("standard", "达标情况", "choice", ("是否达标", "达标", "等级", "standard"),
               choices={"yes": ("达标", "是", "合格", "已达标"), "no": ("未达标", "否", "不合格", "不达标")},
               labels={"yes": "达标", "no": "未达标"}, example="未达标"),
        Column("floor_m2", "建筑面积", "number", ("面积", "营业面积"), unit="平方米", minimum=0, maximum=1e6, example="1200"),
        Column("capacity", "容量", "number", ("摊位数", "蹲位数", "桶数", "capacity"), minimum=0, maximum=1e6,
               rule="市场填摊位数，公厕填蹲位数，收集点填桶数", example="60"),
        Column("address", "地址", "text", ("位置", "地点", "address"), example="滨河路中段"),
        *_place(),
    ), "any", "市场、公厕、分类收集点、废物箱、转运站等设施",
)  # fmt: skip

POPULATION = Table(
    "population", "人口", "population_id", (
        Column("population_id", "编号", "id", ("编码", "楼栋编号", "id"), rule="留空时由内容生成", example="R001"),
        Column("residents", "常住人口", "integer", ("人口", "人数", "人口数", "居民数", "population", "tract_population", "pop"),
               required=True, unit="人", minimum=0, maximum=5_000_000, example="320"),
        Column("households", "户数", "integer", ("户", "households"), unit="户", minimum=0, maximum=2_000_000, example="120"),
        _COMMUNITY,
        Column("address", "地址", "text", ("小区", "楼栋", "位置"), example="中山街 12 号院"),
        *_place(),
    ), "any", "人口点或面（楼栋、小区、网格）；无坐标时按社区汇总",
)  # fmt: skip

CATEGORIES = Table(
    "categories", "问题类别", "category", (
        Column("category", "类别代码", "id", ("代码", "编码", "事项代码", "小类代码", "code"), required=True,
               rule="GB/T 47678.5 五位代码；本地扩展以 L 开头", example="L001"),
        Column("name", "类别名称", "text", (*_NAME, "小类", "小类名称", "事项名称"), required=True, example="楼道乱堆物"),
        Column("group", "问题分组", "text", ("分组", "大类", "group"), rule="须为已有分组；留空归入“其他”", example="卫生死角"),
        Column("aliases", "别名", "text", ("alias", "俗称"), rule="多个用、分隔", example="楼道堆物"),
        Column("limit_h", "处置时限", "number", ("时限", "时限小时"), unit="小时", minimum=0.5, maximum=24 * 366,
               rule="工作时，按镇上设定的上班时间计；留空用分组的默认时限", example="24"),
    ), None, "在国家标准类别之外，本镇自定的类别",
)  # fmt: skip

REPORTS = Table(
    "reports", "问题", "report_id", (
        Column("report_id", "问题编号", "id",
               ("编号", "编码", "任务号", "taskid", "案件号", "案卷号", "案件编号", "工单号", "工单编号", "受理编号", "序列号",
                "service_request_id", "servicerequestid", "requestid", "id", "service request number", "sr_number"),
               rule="留空时由内容生成；同一编号再次导入即更新", example="W20260301001"),
        Column("category", "问题类别", "category",
               ("小类", "小类名称", "infoscname", "infosccode", "类别", "类型", "问题类型", "事件类型", "事项名称", "事项代码", "问题小类",
                "问题分类", "service_name", "service_code", "category", "案件类型", "子类", "infozcname"),
               required=True, rule="类别代码、名称或别名", example="路面坑洼"),
        Column("reported_at", "上报时间", "time",
               ("发现时间", "discovertime", "日期", "时间", "上报日期", "发现日期", "采集时间", "受理时间", "登记时间", "创建时间",
                "requested_datetime", "created", "created_at", "creation date", "report_time", "date", "检查日期", "巡查时间"),
               required=True, happened=True, rule="如 2026-03-01 09:05、2026年3月1日", example="2026-03-01 09:05"),
        STATUS,
        Column("due_at", "截止时间", "time",
               ("处置截止时间", "整改期限", "整改时限", "办结期限", "expected_datetime", "due_at", "限办时间"),
               rule="留空时按类别的默认时限推算", example="2026-03-02 09:05"),
        Column("closed_at", "办结时间", "time",
               ("结案时间", "处置时间", "solvingtime", "整改完成时间", "完成时间", "办结日期", "closed", "closed_at", "updated_datetime",
                "completion date", "处置完成时间"),
               happened=True, rule="已处置、已核查的问题填写", example="2026-03-01 17:30"),
        *_place(),
        Column("lane_name", "所在巷道", "text",
               ("巷道", "街巷", "巷道名称", "街巷名称", "道路名称", "路名", "所属巷道", "路段", "lane"),
               rule="无坐标时按此匹配巷道", example="文明巷"),
        Column("address", "位置描述", "text",
               ("地址", "事发位置", "位置", "地点", "详细地址", "问题位置", "address", "address_string", "street_address"),
               example="文明巷 12 号门前"),
        Column("street", "街道", "text", ("streetname", "所属街道", "街道名称", "乡镇", "镇街", "所属乡镇"), example="城关镇"),
        Column("community", "社区", "text", ("communityname", "所属社区", "社区名称", "村居"), example="中山街社区"),
        Column("description", "问题描述", "text", ("描述", "内容", "问题内容", "事件描述", "description", "备注", "案件描述", "情况说明"),
               example="路面坑洼约 1 平方米"),
        Column("source", "来源", "text",
               ("infosourcename", "信息来源", "案件来源", "问题来源", "上报来源", "上报渠道", "渠道", "来源渠道", "source"),
               example="巡查"),
        Column("department", "主责部门", "text",
               ("executedeptname", "责任单位", "责任部门", "处置部门", "主管部门", "承办单位", "处置单位", "agency_responsible", "department"),
               example="住建局"),
        Column("reporter", "上报人", "text", ("发现人", "采集员", "巡查员", "举报人", "姓名", "reporter"), private=True, example="张某某"),
        Column("phone", "联系电话", "text", ("电话", "手机", "手机号", "联系方式", "phone"), private=True, example="13800000000"),
        Column("photo", "照片", "photo", ("图片", "照片文件", "media_url", "photo", "处置前照片"), rule="文件名，多个用、分隔"),
        Column("lane_id", "巷道编号", "id", computed=True),
        Column("cell_id", "网格编码", "id", computed=True),
        Column("community_id", "社区编码", "id", computed=True),
        Column("area_id", "片区编号", "id", computed=True),
        Column("placed_by", "定位方式", "choice", computed=True,
               choices={"within": (), "name": (), "nearest": (), "unplaced": ()},
               labels={"within": "落在巷道内", "name": "按巷道名称", "nearest": "就近归属", "unplaced": "未定位"}),
        Column("distance_m", "距巷道", "number", unit="米", computed=True),
    ), "any", "发现的问题：一个类别、一个时间、一个位置（点、路段、范围，或文字写明的巷道）",
)  # fmt: skip

DUTIES = Table(
    "duties", "责任", "duty_id", (
        Column("duty_id", "责任编号", "id", ("编号", "编码", "id"), rule="留空时由内容生成", example="D001"),
        Column("lane", "巷道", "text",
               ("巷道名称", "巷道编号", "街巷", "街巷名称", "责任路段", "lane_id", "路段", "责任对象", "责任单元", "小区", "小区名称",
                "市场"),
               required=True, rule="巷道的编号或名称；也可为小区、市场等责任单元或设施", example="文明巷"),
        ROLE,
        Column("person", "姓名", "text", ("责任人", "人员", "person", "name", "负责人"), example="王某某"),
        Column("phone", "联系电话", "text", ("电话", "手机", "手机号", "联系方式", "phone"), private=True, example="13800000000"),
        Column("organisation", "单位", "text", ("所在单位", "所属单位", "工作单位", "organisation", "部门"), example="中山街社区"),
        Column("post", "定岗", "text", ("岗位职责点", "点位", "post"), example="文明巷东口"),
        Column("duty", "定责", "text", ("责任内容", "职责", "duty"), example="清扫保洁、巡查上报"),
        Column("hours", "定时段", "text", ("时段", "作业时间", "hours"), example="06:00-12:00"),
        Column("standard", "定标准", "text", ("标准", "作业标准", "standard"), example="六无六净"),
        Column("since", "起始日期", "time", ("开始日期", "任职日期", "since", "from"), example="2026-01-01"),
        Column("until", "终止日期", "time", ("结束日期", "until", "to")),
    ), None, "巷长制责任台账：每条巷道每个岗位一行，或每条巷道一行、每个岗位一列",
    identity=("lane", "role", "person", "organisation"),
)  # fmt: skip

UNITS = Table(
    "units", "责任单元", "unit_id", (
        Column("unit_id", "单元编号", "id", ("编号", "编码", "id", "code"), rule="留空时由内容生成", example="U001"),
        Column("name", "单元名称", "text", (*_NAME, "小区", "小区名称", "单位名称"), required=True, example="滨河三无小区"),
        UNIT_KIND, _COMMUNITY,
        Column("demonstration", "样板", "choice", ("样板点", "是否样板", "示范点"),
               choices={"yes": ("是", "样板", "示范", "yes"), "no": ("否", "no")}, labels={"yes": "是", "no": "否"},
               rule="样板点位填“是”", example="否"),
        Column("photo_before", "整治前照片", "photo", ("整改前照片", "前照片"), rule="文件名，多个用、分隔"),
        Column("photo_after", "整治后照片", "photo", ("整改后照片", "后照片"), rule="文件名，多个用、分隔"),
        Column("address", "地址", "text", ("位置", "地点", "address"), example="滨河路中段"),
        Column("note", "说明", "text", ("备注", "note")),
        *_place(),
    ), "any", "巷道以外的责任单元：小区、市场、餐饮门店、公厕、工地、河道沟渠，以及样板点位",
)  # fmt: skip

INSPECTIONS = Table(
    "inspections", "检查", "inspection_id", (
        Column("inspection_id", "检查记录编号", "id", ("编号", "编码", "id"), rule="留空时由内容生成", example="J20260301001"),
        Column("visit", "检查批次", "text", ("检查编号", "批次", "批次号", "检查单号", "visit"),
               rule="同一次检查的多个问题填同一批次；留空时同一对象同一时间为一次", example="D0301-01"),
        Column("unit", "检查对象", "text",
               ("巷道", "巷道名称", "街巷", "被检查单位", "检查点位", "点位", "点位名称", "对象", "小区", "单位", "unit"),
               required=True, rule="巷道、责任单元或设施的编号或名称", example="文明巷"),
        replace(UNIT_KIND, label="检查类别", aliases=("类别", "类型", "考核类别", "kind"), required=False,
                rule="留空时由检查对象判定", example="巷道"),
        Column("inspected_at", "检查时间", "time", ("检查日期", "日期", "时间", "督导时间", "督导日期"), required=True, happened=True,
               rule="如 2026-03-01 09:05", example="2026-03-01 09:05"),
        Column("level", "检查方式", "choice", ("检查层级", "检查类型", "level"),
               choices={"daily": ("日督导", "日巡", "日常", "日检查"), "weekly": ("周评比", "周查", "周检查", "周考核"),
                        "monthly": ("月奖惩", "月考", "月检查", "月考核"), "review": ("复查", "回头看", "复检"),
                        "mock": ("模拟检查", "模拟暗访", "暗访")},
               labels={"daily": "日督导", "weekly": "周评比", "monthly": "月考核", "review": "复查", "mock": "模拟检查"},
               rule="留空视为日督导", example="日督导"),
        Column("item", "扣分项目", "text", ("检查项目", "考核项目", "问题项目", "项目", "条款", "item"),
               rule="考核细则中的项目编号或名称；没有发现问题的检查留空", example="暴露垃圾"),
        Column("findings", "处数", "integer", ("数量", "问题数", "个数", "处", "findings"), minimum=0, maximum=10000,
               rule="留空为 1 处；没有发现问题的检查为 0", example="2"),
        Column("points", "分值", "number", ("扣分", "扣分值", "加分", "得分调整", "points"), minimum=-100, maximum=100,
               rule="一般留空，按考核细则计算；填写时以所填为准，扣分为正、加分为负"),
        Column("note", "情况说明", "text", ("问题描述", "描述", "说明", "备注", "note"), example="巷口有暴露垃圾两处"),
        Column("inspector", "检查人", "text", ("督导人", "检查人员", "考核人", "inspector"), private=True, example="张某某"),
        Column("report_id", "问题编号", "id", ("对应问题", "案件编号", "关联问题"), rule="由这处问题立案的编号"),
        Column("photo", "照片", "photo", ("图片", "照片文件", "photo"), rule="文件名，多个用、分隔"),
        *_place(),
    ), "any", "日督导、周评比、月考核和复查的记录：每处扣分一行，没有问题的检查也有一行",
)  # fmt: skip

TASKS = Table(
    "tasks", "任务", "task_id", (
        Column("task_id", "任务编号", "id", ("问题编号", "编号", "案件编号", "案卷号", "任务号", "report_id", "id"), required=True,
               rule="与问题编号相同，不能改", example="W20260301001"),
        STATE,
        Column("owner", "主办单位", "text", ("责任单位", "承办单位", "处置单位", "责任部门", "主责部门", "owner"), example="住建局"),
        Column("helpers", "协办单位", "text", ("配合单位", "协同单位", "helpers"), rule="多个用、分隔", example="电信公司、供电公司"),
        Column("due_at", "整改期限", "time", ("截止时间", "处置截止时间", "整改时限", "期限", "due_at"), example="2026-03-02 09:05"),
        Column("handled_at", "处置时间", "time", ("整改时间", "完成时间", "整改完成时间", "办结时间"), happened=True,
               example="2026-03-01 17:30"),
        Column("handler", "处置人", "text", ("整改人", "经办人", "handler"), private=True, example="李某某"),
        Column("note", "处置情况", "text", ("整改情况", "办理情况", "处理情况", "说明", "备注", "note"), example="已填平压实"),
        Column("photo", "处置后照片", "photo", ("整改后照片", "照片", "现场照片"), rule="文件名，多个用、分隔"),
    ), None, "由问题派出的任务：办理到哪一步、谁主办、期限和结果",
)  # fmt: skip

BACKDROP = Table(
    "backdrop", "底图", "backdrop_id", (
        Column("backdrop_id", "编号", "id", ("id", "编码", "osm_id"), rule="留空时由内容生成", example="B001"),
        Column("kind", "地物类型", "choice", ("类型", "type", "fclass"), required=True,
               choices={"water": ("水系", "河流", "水域"), "green": ("绿地", "公园", "山体绿化"), "hill": ("山体", "山"),
                        "block": ("街区", "地块", "居住区"), "building": ("建筑", "房屋", "建筑物"), "road": ("道路", "桥梁", "road")},
               labels={"water": "水系", "green": "绿地", "hill": "山体", "block": "街区", "building": "建筑", "road": "道路"},
               example="水系"),
        Column("name", "名称", "text", _NAME, example="白龙江"),
        *_place(),
    ), "any", "底图：水系、绿地、街区、建筑等，只用于看图",
)  # fmt: skip

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        LANES, CELLS, COMMUNITIES, AREAS, FACILITIES, UNITS, POPULATION, CATEGORIES, REPORTS, DUTIES,
        INSPECTIONS, TASKS, BACKDROP,
    )
}  # fmt: skip

PLACES = ("lanes", "cells", "communities", "areas")


def table(name: str) -> Table:
    """The table of this English or Chinese name; `UnknownName` says which exist."""
    for candidate in TABLES.values():
        if name.strip().lower() in (candidate.name, candidate.label):
            return candidate
    known = "、".join(f"{t.name}（{t.label}）" for t in TABLES.values())
    raise UnknownName(f"没有名为“{name}”的表；可用的表有：{known}。")
