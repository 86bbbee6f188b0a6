"""Every address of the pages, one line each."""

from django.urls import path

from app.pages import (
    channels,
    check_delete,
    check_details,
    check_edit,
    check_list,
    first_ping,
    home,
    ping_details,
    project,
    sign_in,
    unsubscribe,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-in/mail/", sign_in.mail_link, name="sign_in_mail"),
    path("sign-in/link/<str:token>/", sign_in.use_link, name="sign_in_link"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("projects/", home.projects, name="projects"),
    path("projects/add/", home.add_project, name="project_add"),
    path("projects/<uuid:project>/", project.project_page, name="project"),
    path("projects/<uuid:project>/checks/", check_list.check_list, name="checks"),
    path("projects/<uuid:project>/checks/add/", check_edit.add, name="check_add"),
    path("checks/<uuid:code>/", check_details.details, name="check"),
    path("checks/<uuid:code>/edit/", check_edit.edit, name="check_edit"),
    path("checks/<uuid:code>/pause/", check_details.pause, name="check_pause"),
    path("checks/<uuid:code>/resume/", check_details.resume, name="check_resume"),
    path("checks/<uuid:code>/delete/", check_delete.delete, name="check_delete"),
    path("checks/<uuid:code>/first-ping/", first_ping.first_ping, name="first_ping"),
    path("checks/<uuid:code>/pings/<int:n>/", ping_details.ping_details, name="ping"),
    path("checks/<uuid:code>/pings/<int:n>/body", ping_details.body, name="ping_body"),
    path("projects/<uuid:project>/channels/", channels.channel_list, name="channels"),
    path("projects/<uuid:project>/channels/add/<str:kind>/", channels.add, name="channel_add"),
    path("channels/<uuid:code>/row/", channels.row, name="channel_row"),
    path("channels/<uuid:code>/edit/", channels.edit, name="channel_edit"),
    path("channels/<uuid:code>/test/", channels.test, name="channel_test"),
    path("channels/<uuid:code>/enable/", channels.enable, name="channel_enable"),
    path("channels/<uuid:code>/delete/", channels.delete, name="channel_delete"),
    path("unsubscribe/<str:token>/", unsubscribe.unsubscribe, name="unsubscribe"),
]

handler400 = "app.web.errors.bad_request"
