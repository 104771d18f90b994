"""More catalogue codes in the national structures, for catalogues larger than the real codes at hand.

Structures: western drug X + class 5 + generic 4 + form 4 + pack 4 + company 5 (23 characters); patent medicine Z + 19; herb T + 9
digits; service 15 digits; consumable C + class 6 + generic 3 + features 5 + company 5 (20), with 7 more digits 27. Company
numbers from 60000 and sub-items from 5000 mark codes that no register has.
"""

from __future__ import annotations

from collections.abc import Iterator

Made = Iterator[tuple[str, str, int]]

_HERBS = [
    "黄芪",
    "当归",
    "甘草",
    "白术",
    "茯苓",
    "党参",
    "川芎",
    "熟地黄",
    "白芍",
    "陈皮",
    "半夏",
    "柴胡",
    "黄芩",
    "黄连",
    "金银花",
    "连翘",
    "麦冬",
    "五味子",
    "枸杞子",
    "菊花",
    "丹参",
    "红花",
    "桃仁",
    "牛膝",
    "杜仲",
    "续断",
    "桂枝",
    "干姜",
    "附子",
    "细辛",
    "防风",
    "荆芥",
    "薄荷",
    "桔梗",
    "杏仁",
    "紫苏",
    "葛根",
    "升麻",
    "知母",
    "石膏",
    "栀子",
    "大黄",
    "厚朴",
    "枳实",
    "木香",
    "砂仁",
    "山楂",
    "神曲",
    "麦芽",
    "鸡内金",
    "酸枣仁",
    "远志",
    "龙骨",
    "牡蛎",
    "天麻",
    "钩藤",
    "僵蚕",
    "地龙",
    "全蝎",
    "蜈蚣",
    "山药",
    "薏苡仁",
    "泽泻",
    "车前子",
]
_WAYS = ("", "炒", "蜜炙", "酒炙", "醋炙", "盐炙", "煅", "制")
_MATERIALS = [
    "药物涂层冠状动脉支架",
    "球囊扩张导管",
    "导引导丝",
    "人工髋关节",
    "人工膝关节",
    "接骨板",
    "接骨螺钉",
    "人工晶体",
    "可吸收缝合线",
    "非吸收缝合线",
    "切割吻合器",
    "止血材料",
    "硬脑膜补片",
    "疝补片",
    "起搏器",
    "起搏电极",
    "血管鞘",
    "栓塞材料",
    "透析器",
    "血液灌流器",
    "透析管路",
    "输液器",
    "注射器",
    "留置针",
    "中心静脉导管",
    "气管插管",
    "呼吸回路",
    "导尿管",
    "引流管",
    "造口袋",
    "敷料",
    "绷带",
    "手术衣",
    "采血管",
    "试剂条",
    "胰岛素针头",
    "雾化器",
    "吸痰管",
    "胃管",
    "麻醉包",
    "椎间融合器",
    "椎弓根螺钉",
    "骨水泥",
    "人工血管",
    "心脏瓣膜",
    "封堵器",
    "滤器",
    "电生理导管",
    "内镜夹",
    "超声刀头",
]
_LETTERS = "ABCDGHJLMNPRSV"
_COMPANIES = 40_000


def more_western(generics: list[dict[str, str]]) -> Made:
    """Products of the national drug list's generic names and forms, with their class there."""
    forms = {form: i for i, form in enumerate(sorted({form for row in generics for form in row["forms"].split("|")}))}
    for p in range(_COMPANIES):
        for g, row in enumerate(generics):
            group = f"{_LETTERS[g % 14]}{g % 17 + 1:02d}{chr(65 + g % 23)}{chr(65 + g % 19)}"
            names = row["forms"].split("|")
            form = names[p % len(names)]
            code = f"X{group}{chr(65 + g % 26)}{g % 1000:03d}A{forms[form] % 1000:03d}{p % 3 + 1:02d}{g // 1000 + 1:02d}{60_000 + p % _COMPANIES:05d}"
            yield code, f"{row['name']}（{form}）", int(row["chrgitm_lv"])


def more_patents(drugs: list[dict[str, str]]) -> Made:
    """Other companies' products of the real patent medicines."""
    lines = {row["med_list_codg"][:11]: row["name"] for row in drugs}
    for p in range(_COMPANIES):
        for line, name in lines.items():
            yield f"{line}{p % 3 + 1:02d}01{60_000 + p:05d}", name, 0


def herbs() -> Made:
    """Herbal pieces: a name, a way of preparing it, a grade."""
    number = 0
    while True:
        herb = _HERBS[number % len(_HERBS)]
        way = _WAYS[number // len(_HERBS) % len(_WAYS)]
        grade = number // (len(_HERBS) * len(_WAYS))
        yield f"T9{number:08d}", f"{way}{herb}" + (f"（规格{grade + 1}）" if grade else ""), 0
        number += 1


def more_services(services: list[dict[str, str]]) -> Made:
    """Sub-items of real services."""
    parents: dict[str, str] = {}
    for row in services:
        parents.setdefault(row["med_list_codg"][:11], row["name"])
    for p in range(5000):
        for code, name in parents.items():
            yield f"{code}{5000 + p:04d}", f"{name}（加收{p + 1}）", 0


def consumables() -> Made:
    """Consumables, every second one with the 7 digits of its specification."""
    number = 0
    while True:
        kind = number % len(_MATERIALS)
        model = number // len(_MATERIALS)
        code = f"C{kind // 14 + 1:02d}{kind % 14 + 1:02d}{model % 60 + 1:02d}{kind + 1:03d}{model % 100 + 1:05d}{60_000 + model % _COMPANIES:05d}"
        yield code + (f"{number + 1:07d}" if number % 2 else ""), f"{_MATERIALS[kind]}（型号{model + 1}）", 0
        number += 1
