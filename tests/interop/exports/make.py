#!/usr/bin/env python3
"""Makes the exports of this directory: headers as the tools write them, fictional persons.

Column names are facts about public exports; every value is made here. Run it in this directory.
"""

import csv
import datetime
import io
import random

FIRST = ["Camille", "Hélène", "François", "Zoé", "Noël", "Inès", "Jérôme", "Maëlle", "Aurélien",
         "Chloé", "Loïc", "Anaïs", "Benoît", "Clémence", "Théo", "Agnès", "Rémi", "Élodie",
         "Gaëtan", "Margaux", "Cédric", "Léa", "Hervé", "Solène", "Yaël", "Mathéo"]
LAST = ["Modèle", "Exemple", "Fictif", "Échantillon", "Essai", "Témoin", "Spécimen"]
TODAY = datetime.datetime(2026, 12, 1, 8, 0, 0)


def people(seed, count):
    """Fictional persons, the same each time."""
    draw = random.Random(seed)
    found = []
    for n in range(count):
        first, last = FIRST[n % len(FIRST)], LAST[(n * 5 + seed) % len(LAST)]
        plain = "".join(c for c in (first + "." + last).lower() if c.isascii())
        found.append({
            "n": n,
            "first": first,
            "last": last,
            "email": f"{plain}{seed}{n:02d}@exemple.fr",
            # Numbers that the French plan keeps for fiction.
            "mobile": f"0639{98:02d}{draw.randrange(10000):04d}",
            "fixed": f"019900{draw.randrange(10000):04d}",
            "zip": f"{draw.choice([69003, 75011, 13006, 59000, 33000])}",
            "city": "Exempleville",
            "at": TODAY - datetime.timedelta(days=draw.randrange(20, 600), seconds=draw.randrange(86400)),
            "draw": draw,
        })
    return found


def plus(number):
    return "+33" + number[1:]


def spaced(number):
    return " ".join(number[i:i + 2] for i in range(0, 10, 2))


def write(name, header, rows, delimiter=",", encoding="utf-8", quoting=csv.QUOTE_MINIMAL, end="\n"):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow(header)
    writer.writerows([[row.get(column, "") for column in header] for row in rows])
    with open(name, "wb") as file:
        file.write(out.getvalue().encode(encoding))


def klaviyo():
    header = ["Email", "Klaviyo ID", "First Name", "Last Name", "Organization", "Title", "Phone Number",
              "Address", "Address 2", "City", "State / Region", "Country", "Zip Code", "Latitude",
              "Longitude", "Source", "IP Address", "Email Marketing Consent",
              "Email Marketing Consent Timestamp", "Historic Customer Lifetime Value",
              "Total Customer Lifetime Value", "Predicted Customer Lifetime Value",
              "Average Order Value", "Historic Number Of Orders", "First Active", "Last Active",
              "Profile Created On", "Date Added", "Last Open", "Last Click",
              "Average Days Between Orders", "Email Suppressions"]
    rows = []
    for one in people(1, 30):
        state = ["SUBSCRIBED", "SUBSCRIBED", "SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED"][one["n"] % 5]
        at = one["at"].strftime("%Y-%m-%d %H:%M:%S")
        rows.append({
            "Email": one["email"], "Klaviyo ID": f"01HZX{one['n']:02d}K7Q4M9", "First Name": one["first"],
            "Last Name": one["last"], "Phone Number": plus(one["mobile"]) if one["n"] % 3 else "",
            "City": one["city"], "Country": "France", "Zip Code": one["zip"], "Source": "Footer form",
            "Email Marketing Consent": state,
            "Email Marketing Consent Timestamp": "" if state == "NEVER_SUBSCRIBED" else at,
            "Historic Customer Lifetime Value": f"{one['draw'].randrange(20000) / 100:.2f}",
            "Historic Number Of Orders": str(one["n"] % 4), "First Active": at, "Last Active": at,
            "Profile Created On": at, "Date Added": at,
        })
    write("klaviyo-2026-11-30.csv", header, rows)


def shopify():
    header = ["ID", "Email", "Command", "First Name", "Last Name", "Phone", "State",
              "Email Marketing: Status", "Email Marketing: Level", "Email Marketing: Updated At",
              "SMS Marketing: Status", "SMS Marketing: Level", "SMS Marketing: Updated At",
              "SMS Marketing: Source", "Created At", "Updated At", "Note", "Verified Email",
              "Tax Exempt", "Tags", "Tags Command", "Total Spent", "Total Orders", "Address City",
              "Address Country", "Address Country Code", "Address Zip", "Address Phone"]
    rows = []
    for one in people(2, 28):
        state = ["subscribed", "subscribed", "unsubscribed", "subscribed", "not_subscribed"][one["n"] % 5]
        at = one["at"].strftime("%Y-%m-%d %H:%M:%S +0100")
        rows.append({
            "ID": str(7210448301000 + one["n"]), "Email": one["email"], "First Name": one["first"],
            "Last Name": one["last"], "Phone": plus(one["mobile"]) if one["n"] % 2 else "",
            "State": "enabled", "Email Marketing: Status": state,
            "Email Marketing: Level": "single_opt_in",
            "Email Marketing: Updated At": "" if state == "not_subscribed" else at,
            "SMS Marketing: Status": "not_subscribed", "Created At": at, "Updated At": at,
            "Verified Email": "TRUE", "Tax Exempt": "FALSE", "Tags": "vip, magasin" if one["n"] % 7 == 0 else "",
            "Total Spent": f"{one['draw'].randrange(90000) / 100:.2f}", "Total Orders": str(one["n"] % 5),
            "Address City": one["city"], "Address Country": "France", "Address Country Code": "FR",
            "Address Zip": one["zip"], "Address Phone": spaced(one["fixed"]) if one["n"] % 4 == 0 else "",
        })
    write("shopify_customers.csv", header, rows)
    # What the shop's own page writes: no time of any consent.
    header = ["Customer ID", "First Name", "Last Name", "Email", "Accepts Email Marketing",
              "Default Address Company", "Default Address Address1", "Default Address Address2",
              "Default Address City", "Default Address Province Code", "Default Address Country Code",
              "Default Address Zip", "Default Address Phone", "Phone", "Accepts SMS Marketing",
              "Total Spent", "Total Orders", "Note", "Tax Exempt", "Tags"]
    rows = []
    for one in people(3, 20):
        rows.append({
            "Customer ID": f"'{7210448302000 + one['n']}", "First Name": one["first"],
            "Last Name": one["last"], "Email": one["email"],
            "Accepts Email Marketing": "yes" if one["n"] % 3 else "no",
            "Default Address City": one["city"], "Default Address Country Code": "FR",
            "Default Address Zip": f"'{one['zip']}",
            "Phone": "'" + plus(one["mobile"]) if one["n"] % 2 else "", "Accepts SMS Marketing": "no",
            "Total Spent": "12.50", "Total Orders": "1", "Tax Exempt": "no",
        })
    write("shopify_admin.csv", header, rows)


def mailchimp():
    header = ["Email Address", "First Name", "Last Name", "Address", "Phone Number", "Birthday",
              "MEMBER_RATING", "OPTIN_TIME", "OPTIN_IP", "CONFIRM_TIME", "CONFIRM_IP", "LATITUDE",
              "LONGITUDE", "GMTOFF", "DSTOFF", "TIMEZONE", "CC", "REGION", "LAST_CHANGED", "LEID",
              "EUID", "NOTES", "TAGS"]
    rows = []
    for one in people(4, 25):
        at = one["at"].strftime("%Y-%m-%d %H:%M:%S")
        rows.append({
            "Email Address": one["email"], "First Name": one["first"], "Last Name": one["last"],
            "Phone Number": spaced(one["mobile"]) if one["n"] % 4 else "",
            "MEMBER_RATING": str(1 + one["n"] % 5), "OPTIN_TIME": at, "OPTIN_IP": f"192.0.2.{one['n']}",
            "CONFIRM_TIME": at, "CONFIRM_IP": f"192.0.2.{one['n']}", "GMTOFF": "1", "DSTOFF": "2",
            "TIMEZONE": "Europe/Paris", "CC": "fr", "REGION": "ara", "LAST_CHANGED": at,
            "LEID": str(90498300 + one["n"]), "EUID": f"c2cb06{one['n']:02x}af",
            "TAGS": '"soldes","magasin"' if one["n"] % 6 == 0 else "",
        })
    write("subscribed_email_audience_export_4f3a2b1c9d.csv", header, rows)


def hubspot():
    header = ["Record ID", "First Name", "Last Name", "Email", "Phone Number", "Mobile Phone Number",
              "Contact owner", "Lifecycle Stage", "Lead Status", "Country/Region", "Postal Code",
              "Create Date", "Last Modified Date", "Last Activity Date", "Unsubscribed from all email",
              "Legal basis for processing contact's data", "Partner matching consent",
              "Partner matching consent date", "Marketing contact status"]
    rows = []
    for one in people(5, 32):
        at = one["at"].strftime("%Y-%m-%d %H:%M")
        rows.append({
            "Record ID": str(39779198000 + one["n"]), "First Name": one["first"], "Last Name": one["last"],
            "Email": one["email"], "Phone Number": spaced(one["fixed"]) if one["n"] % 3 == 0 else "",
            "Mobile Phone Number": spaced(one["mobile"]) if one["n"] % 2 else "",
            "Contact owner": "Dominique Vendeur (d.vendeur@exemple.fr)",
            "Lifecycle Stage": ["Customer", "Lead", "Subscriber"][one["n"] % 3], "Lead Status": "New",
            "Country/Region": ["France", "Belgique", "France"][one["n"] % 3], "Postal Code": one["zip"],
            "Create Date": at, "Last Modified Date": at, "Last Activity Date": at,
            "Unsubscribed from all email": "true" if one["n"] % 8 == 0 else "false",
            "Legal basis for processing contact's data": "Freely given consent from contact",
            "Partner matching consent": "Yes" if one["n"] % 4 else "No",
            "Partner matching consent date": at, "Marketing contact status": "Marketing contact",
        })
    write("hubspot-crm-exports-all-contacts-2026-11-30.csv", header, rows, quoting=csv.QUOTE_ALL)


def salesforce():
    header = ["Id", "IsDeleted", "MasterRecordId", "AccountId", "LastName", "FirstName", "Salutation",
              "Name", "MailingStreet", "MailingCity", "MailingState", "MailingPostalCode",
              "MailingCountry", "Phone", "Fax", "MobilePhone", "HomePhone", "OtherPhone",
              "AssistantPhone", "ReportsToId", "Email", "Title", "Department", "LeadSource", "Birthdate",
              "OwnerId", "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall", "CreatedDate",
              "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp",
              "Partner_Consent__c", "Partner_Consent_Date__c", "Consent_Notice__c"]
    rows = []
    for one in people(6, 30):
        at = one["at"].strftime("%Y-%m-%d %H:%M:%S")
        rows.append({
            "Id": f"0035e00000Exm{one['n']:02d}AAA", "IsDeleted": "0", "AccountId": "0015e00000Exm00AAA",
            "LastName": one["last"], "FirstName": one["first"], "Name": f"{one['first']} {one['last']}",
            "MailingCity": one["city"], "MailingPostalCode": one["zip"], "MailingCountry": "France",
            "Phone": spaced(one["fixed"]) if one["n"] % 3 == 0 else "",
            "MobilePhone": spaced(one["mobile"]) if one["n"] % 2 else "", "Email": one["email"],
            "OwnerId": "0055e00000Exm01AAA", "HasOptedOutOfEmail": "1" if one["n"] % 9 == 0 else "0",
            "HasOptedOutOfFax": "0", "DoNotCall": "0", "CreatedDate": at,
            "CreatedById": "0055e00000Exm01AAA", "LastModifiedDate": at,
            "LastModifiedById": "0055e00000Exm01AAA", "SystemModstamp": at,
            "Partner_Consent__c": "1" if one["n"] % 4 else "0", "Partner_Consent_Date__c": at,
            "Consent_Notice__c": "N-2026-02",
        })
    write("Contact.csv", header, rows, quoting=csv.QUOTE_ALL)


def splio():
    header = ["email", "customer_key", "lastname", "firstname", "language", "cellphone",
              "creation_date", "update_date", "optin_partenaires", "date_optin_partenaires",
              "version_mention", "code_magasin"]
    rows = []
    for one in people(7, 26):
        at = one["at"].strftime("%d/%m/%Y %H:%M:%S")
        rows.append({
            "email": one["email"], "customer_key": f"S{one['n']:06d}", "lastname": one["last"],
            "firstname": one["first"], "language": "fr", "cellphone": "0033" + one["mobile"][1:],
            "creation_date": at, "update_date": at, "optin_partenaires": "1" if one["n"] % 3 else "0",
            "date_optin_partenaires": at, "version_mention": "MI-2026-02",
            "code_magasin": f"M{one['n'] % 5}",
        })
    write("splio_contacts_20261130.csv", header, rows, delimiter=";")


def crm():
    header = ["N° client", "Civilité", "Nom", "Prénom", "Ville", "Code postal", "Pays", "E-mail 1",
              "E-mail 2", "E-mail 3", "E-mail 4", "Tél. mobile", "Tél. domicile", "Tél. bureau",
              "Optin partenaires", "Date optin", "Version mentions", "Opposition", "Segments", "Date maj"]
    rows = []
    for one in people(8, 40):
        rows.append({
            "N° client": f"C-{1000 + one['n']}", "Civilité": ["Mme", "M."][one["n"] % 2], "Nom": one["last"],
            "Prénom": one["first"], "Ville": one["city"], "Code postal": one["zip"], "Pays": "FR",
            "E-mail 1": one["email"],
            "E-mail 2": f"autre{one['n']:02d}@exemple.fr" if one["n"] % 4 == 0 else "",
            "E-mail 3": f"tiers{one['n']:02d}@exemple.fr" if one["n"] % 9 == 0 else "",
            "Tél. mobile": spaced(one["mobile"]) if one["n"] % 2 else "",
            "Tél. domicile": one["fixed"] if one["n"] % 3 == 0 else "",
            "Tél. bureau": spaced(one["fixed"]).replace(" ", ".") if one["n"] % 10 == 0 else "",
            "Optin partenaires": ["OUI", "OUI", "NON", "oui"][one["n"] % 4],
            "Date optin": one["at"].strftime("%d/%m/%Y"), "Version mentions": "MI-2026-02",
            "Opposition": "OUI" if one["n"] % 13 == 0 else "NON",
            "Segments": "fidèle,paris" if one["n"] % 5 == 0 else "",
            "Date maj": one["at"].strftime("%d/%m/%Y %H:%M"),
        })
    write("crm_20261130.csv", header, rows, delimiter=";", encoding="cp1252", end="\r\n")


def graph():
    header = ["person_id", "email", "telephone", "cookie_id", "id_type", "domain", "event_type",
              "event_time", "device_type"]
    rows = []
    for one in people(9, 24):
        rows.append({
            "person_id": str(100 + one["n"]), "email": one["email"], "telephone": spaced(one["mobile"]),
            "cookie_id": f"5727816213491965{one['n']:03d}", "id_type": "cookie", "domain": "adnxs.example",
            "event_type": ["login", "order"][one["n"] % 2],
            "event_time": one["at"].strftime("%Y-%m-%d %H:%M:%S"),
            "device_type": ["smartphone", "desktop"][one["n"] % 2],
        })
    write("graph_links.csv", header, rows)


for make in [klaviyo, shopify, mailchimp, hubspot, salesforce, splio, crm, graph]:
    make()
