"""What goes out of the door: the report as PDF and HTML, and the case with its answer as JSON."""

from pkvae_core.report.answer import Answer, reopen, save_answer
from pkvae_core.report.content import Report, compose
from pkvae_core.report.html import html_report
from pkvae_core.report.pdf import pdf_report

__all__ = ["Answer", "Report", "compose", "html_report", "pdf_report", "reopen", "save_answer"]
