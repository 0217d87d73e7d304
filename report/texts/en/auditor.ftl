## auditor

