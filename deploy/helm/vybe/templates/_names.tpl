{{- define "vybe.selector" -}}
app.kubernetes.io/name: vybe
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vybe.labels" -}}
{{ include "vybe.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "vybe.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}
